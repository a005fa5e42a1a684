import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { MORE_PLACE } from '../document.ts';
import { LimnerError } from '../errors.ts';
import type { Database } from '../sqlite.ts';

const Count = z.int().min(0);

/** A passage that an answer was given, with what is needed to open it. */
const Source = z.object({
  marker: z.int().min(1),
  document_id: z.string().max(200),
  title: z.string().max(1000),
  url: z.url({ protocol: /^https?$/ }).max(4096),
  page: Count.nullable(),
  span: z.tuple([Count, Count]),
  headings: z.array(z.string().max(2000)).max(30).default([]),
  lines: z.tuple([Count, Count]).nullable().default(null),
  place: z.object(MORE_PLACE).default({}),
  text: z.string().max(50_000),
});

/** A picture that stands in a cited document. */
const Figure = z.object({
  document: z.string().max(200),
  title: z.string().max(1000),
  page: Count.nullable(),
  url: z.string().startsWith('/api/documents/').max(1000),
  width: Count,
  height: Count,
  description: z.string().max(10_000).nullable(),
});

/** One question with what came of it, as who asked keeps it. */
export const Turn = z.strictObject({
  /** Its place in the conversation, from 1; the same again replaces it. */
  number: z.int().min(1).max(10_000),
  question: z.string().min(1).max(100_000),
  /** `asking` while the answer comes; the last three say why it is not whole. */
  state: z.enum(['asking', 'done', 'stopped', 'broken', 'failed']).default('asking'),
  answer: z.string().max(500_000).default(''),
  /** Why it failed, in words. */
  message: z.string().max(2000).nullable().default(null),
  model: z.string().max(300).nullable().default(null),
  collection: z.string().max(300).nullable().default(null),
  sources: z.array(Source).max(50).default([]),
  /** `[n]` in the answer, by UTF-16 offsets. */
  annotations: z
    .array(z.object({ marker: z.int().min(1), start: Count, end: Count }))
    .max(2000)
    .default([]),
  /** The job of the picture beside it (`GET /api/images/:id`), or a figure of a document. */
  image: z.string().max(64).nullable().default(null),
  figure: Figure.nullable().default(null),
});
export type Turn = z.infer<typeof Turn>;

/** A conversation in the list of them. */
export interface KeptConversation {
  id: string;
  title: string;
  turns: number;
  created_at: string;
  updated_at: string;
}

const SCHEMA = [
  `create table conversation(
     id text primary key, owner text not null, title text not null, folded text not null,
     created_at text not null, updated_at text not null
   ) without rowid;
   create index conversation_owner on conversation(owner, updated_at, id);
   create table conversation_turn(
     conversation_id text not null, number integer not null, body text not null, folded text not null,
     primary key (conversation_id, number)
   ) without rowid;`,
];

const SHOWN = `c.id, c.title, c.created_at, c.updated_at,
  (select count(*) from conversation_turn t where t.conversation_id = c.id) as turns`;

/** Each word somewhere in the conversation, whatever its case. */
const HAS_WORD = `(instr(c.folded, ?) > 0 or exists (
  select 1 from conversation_turn t where t.conversation_id = c.id and instr(t.folded, ?) > 0))`;

export type KeptConversations = ReturnType<typeof createKeptConversations>;
export type OwnConversations = ReturnType<KeptConversations>;

/** Conversations of the page, each of whoever holds the key it was begun with. They stay until they are deleted. */
export function createKeptConversations(database: Database) {
  database.migrate('conversations', SCHEMA);
  return (owner: string) => ownConversations(database, owner);
}

function ownConversations({ read, write }: Database, owner: string) {
  /** Throws LimnerError `not_found`, also for those of others. */
  function get(id: string): KeptConversation {
    const found = read.get<KeptConversation>(
      `select ${SHOWN} from conversation c where c.id = ? and c.owner = ?`,
      id,
      owner,
    );
    if (!found) throw missing(id);
    return found;
  }

  return {
    get,

    /** Newest first. `after` is where the last one of the page before stood: it may have moved since, or be gone. */
    list(query: {
      words: readonly string[];
      after?: Pick<KeptConversation, 'id' | 'updated_at'>;
      limit: number;
    }): KeptConversation[] {
      const words = query.words.map(fold);
      const { updated_at: at = '9', id = '' } = query.after ?? {};
      return read.all<KeptConversation>(
        `select ${SHOWN} from conversation c where c.owner = ? and (c.updated_at, c.id) < (?, ?)
         ${words.map(() => `and ${HAS_WORD}`).join(' ')} order by c.updated_at desc, c.id desc limit ?`,
        owner,
        at,
        id,
        ...words.flatMap((word) => [word, word]),
        query.limit,
      );
    },

    turns(id: string): Turn[] {
      get(id);
      return read
        .all<{ body: string }>(
          'select body from conversation_turn where conversation_id = ? order by number',
          id,
        )
        .map(({ body }) => Turn.parse(JSON.parse(body)));
    },

    async add(title: string): Promise<KeptConversation> {
      const id = randomBytes(10).toString('hex');
      const now = new Date().toISOString();
      await write((connection) =>
        connection.run(
          'insert into conversation values (?, ?, ?, ?, ?, ?)',
          id,
          owner,
          title,
          fold(title),
          now,
          now,
        ),
      );
      return get(id);
    },

    async rename(id: string, title: string): Promise<KeptConversation> {
      get(id);
      await write((connection) =>
        connection.run('update conversation set title = ?, folded = ? where id = ?', title, fold(title), id),
      );
      return get(id);
    },

    /** Keeps a turn, in place of the one that had its number. */
    async keep(id: string, turn: Turn): Promise<void> {
      get(id);
      await write((connection) => {
        // It may have been deleted since it was looked at.
        const sql = 'update conversation set updated_at = ? where id = ?';
        if (connection.run(sql, new Date().toISOString(), id).changes === 0) throw missing(id);
        connection.run(
          'insert or replace into conversation_turn values (?, ?, ?, ?)',
          id,
          turn.number,
          JSON.stringify(turn),
          fold(`${turn.question}\n${turn.answer}`),
        );
      });
    },

    async remove(id: string): Promise<void> {
      get(id);
      await write((connection) => {
        connection.run('delete from conversation_turn where conversation_id = ?', id);
        connection.run('delete from conversation where id = ?', id);
      });
    },
  };
}

function missing(id: string): LimnerError {
  return new LimnerError('not_found', `There is no conversation ${id}.`);
}

/** SQLite folds the case of ASCII only. */
function fold(text: string): string {
  return text.normalize('NFKC').toLowerCase();
}
