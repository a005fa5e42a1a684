import { createHash } from 'node:crypto';
import type { Chunk } from '../document.ts';
import type { Situated } from '../models/preface.ts';
import type { Database } from '../sqlite.ts';

const SCHEMA = [
  `create table preface(key blob primary key, model text not null, text text not null) without rowid;
   create table preface_wanted(document_id text primary key) without rowid;`,
];

const BEGINNING = 1500;
const BEFORE = 500;
const AFTER = 300;

export type Prefaces = ReturnType<typeof createPrefaces>;

/**
 * What a model wrote about where passages stand, kept by what it was shown: a document that is made again, moves or is copied
 * keeps it, and so do the passages of an edited one whose surroundings stayed. Beside it the documents that lack some.
 */
export function createPrefaces(database: Database) {
  database.migrate('prefaces', SCHEMA);
  const { read } = database;

  /** '' where the model had nothing to say. */
  const of = (key: Uint8Array): string | undefined =>
    read.get<{ text: string }>('select text from preface where key = ?', key)?.text;

  return {
    /** The chunks with what is known of them, and whether more is to come. */
    apply(title: string, chunks: readonly Chunk[]): { chunks: Chunk[]; isWhole: boolean } {
      let isWhole = true;
      const known = chunks.map((chunk, at) => {
        const preface = of(keyOf(situate(title, chunks, at)));
        isWhole &&= preface !== undefined;
        return preface ? Object.assign({}, chunk, { preface }) : chunk;
      });
      return { chunks: known, isWhole };
    },
    want: (documentId: string): Promise<unknown> =>
      database.write((connection) =>
        connection.run('insert or ignore into preface_wanted(document_id) values (?)', documentId),
      ),
    /** A document that lacks some, leaving out `except`. */
    next: (except: ReadonlySet<string>): string | undefined =>
      read
        .all<{ document_id: string }>('select document_id from preface_wanted limit ?', except.size + 1)
        .find(({ document_id: id }) => !except.has(id))?.document_id,
    /** '' where the model had nothing to say; undefined where it was not asked. */
    of: (situated: Situated): string | undefined => of(keyOf(situated)),
    keep: (situated: Situated, model: string, text: string): Promise<unknown> =>
      database.write((connection) =>
        connection.run('insert or replace into preface values (?, ?, ?)', keyOf(situated), model, text),
      ),
    done: (documentId: string): Promise<unknown> =>
      database.write((connection) =>
        connection.run('delete from preface_wanted where document_id = ?', documentId),
      ),
  };
}

/** What is shown of the chunk at `at`; `preface`s that there are already make no difference. */
export function situate(title: string, chunks: readonly Chunk[], at: number): Situated {
  const chunk = chunks[at];
  const beginning = chunks.slice(0, 3).map(({ text }) => text);
  return {
    title,
    headings: chunk?.headings ?? [],
    beginning: beginning.join('\n\n').slice(0, BEGINNING),
    before: chunks[at - 1]?.text.slice(-BEFORE) ?? '',
    passage: chunk?.text ?? '',
    after: chunks[at + 1]?.text.slice(0, AFTER) ?? '',
  };
}

function keyOf(situated: Situated): Uint8Array {
  const { title, headings, beginning, before, passage, after } = situated;
  const shown = JSON.stringify([title, headings, beginning, before, passage, after]);
  return createHash('sha256').update(shown).digest();
}
