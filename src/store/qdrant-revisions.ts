import { randomBytes } from 'node:crypto';
import type { Schemas } from '@qdrant/js-client-rest';
import type { Database } from '../sqlite.ts';

export type Filter = Schemas['Filter'];

/**
 * `qdrant` says what Qdrant itself cannot: whose collection it is, and which model's vectors answer.
 * `qdrant_revision` has a row for every set of chunks that Qdrant holds or may hold: one that is being written, the
 * one in force of each document, and those that are on their way out.
 */
const SCHEMA = [
  `create table qdrant(
     id integer primary key check (id = 1), owner text not null, model text
   );
   create table qdrant_revision(
     revision integer primary key autoincrement, document_id text not null, state text not null,
     chunks integer not null default 0
   );
   create unique index qdrant_in_force on qdrant_revision(document_id) where state = 'in force';
   create index qdrant_other on qdrant_revision(revision) where state <> 'in force';`,
  `create table qdrant_model(model text primary key) without rowid;`,
  `alter table qdrant_revision add column tokens integer not null default 0;`,
];

/** Documents that an average is taken of, and the tokens of a passage of 800 to 1200 characters. */
const AVERAGED = 500;
const FIRST_TOKENS = 180;

/** What left its document keeps its vectors under this revision, for a text that comes back. */
export const LEFT = 0;

export type Revisions = ReturnType<typeof createRevisions>;

/**
 * Makes a change of many points look like one step. Points carry the revision that they were written with; a reader
 * asks for those it may see, by a filter made when it begins, and what it may see stays until it has ended.
 * docs/decisions/0054-replace-in-qdrant.md has the reasons.
 */
export function createRevisions(database: Database) {
  database.migrate('qdrant', SCHEMA);
  const { read } = database;
  const reading = new Set<Promise<unknown>>();

  const among = (where: string, ...values: (string | null)[]): number[] =>
    read
      .all<{ revision: number }>(`select revision from qdrant_revision where ${where}`, ...values)
      .map(({ revision }) => revision);

  /** Those that nobody may see. */
  const hidden = (): number[] => among(`state <> 'in force'`);

  /** Revisions up to the last one begun, less those that are not in force. */
  function visible(): Filter {
    const last = read.get<{ last: number | null }>('select max(revision) as last from qdrant_revision')?.last;
    const none = hidden();
    return {
      must: [{ key: 'revision', range: { gt: LEFT, lte: last ?? LEFT } }],
      ...(none.length > 0 && { must_not: [{ key: 'revision', match: { any: none } }] }),
    };
  }

  return {
    async owner(): Promise<string> {
      await database.write((connection) =>
        connection.run(
          'insert or ignore into qdrant(id, owner) values (1, ?)',
          randomBytes(6).toString('hex'),
        ),
      );
      return read.get<{ owner: string }>('select owner from qdrant')?.owner ?? '';
    },
    model: (): string | undefined =>
      read.get<{ model: string | null }>('select model from qdrant')?.model ?? undefined,
    use: (model: string): Promise<unknown> =>
      database.write((connection) => connection.run('update qdrant set model = ?', model)),

    /** Models that vectors were stored of: Qdrant knows them by other names. */
    models: (): string[] =>
      read.all<{ model: string }>('select model from qdrant_model').map(({ model }) => model),
    keepModels: (models: readonly string[]): Promise<unknown> =>
      database.write((connection) => {
        connection.run('delete from qdrant_model');
        for (const model of models) connection.run('insert or ignore into qdrant_model values (?)', model);
      }),
    /** Nothing is there any more, and the next collection is a new one. */
    reset: (): Promise<unknown> =>
      database.write((connection) => {
        connection.run('delete from qdrant_revision');
        connection.run(`delete from sqlite_sequence where name = 'qdrant_revision'`);
        connection.run('delete from qdrant_model');
        connection.run('update qdrant set model = null');
      }),

    /** Chunks of everything in force, as they were written. */
    expected: (): number =>
      read.get<{ chunks: number }>(
        `select coalesce(sum(chunks), 0) as chunks from qdrant_revision where state = 'in force'`,
      )?.chunks ?? 0,
    /** Of the documents that were written last. Before there are any, about what a passage has. */
    averageTokens(): { chunk: number; document: number } {
      const sums = read.get<{ tokens: number; chunks: number; documents: number }>(
        `select coalesce(sum(tokens), 0) as tokens, sum(chunks) as chunks, count(*) as documents from (
           select tokens, chunks from qdrant_revision where chunks > 0 order by revision desc limit ?)`,
        AVERAGED,
      );
      if (!sums || sums.tokens === 0) return { chunk: FIRST_TOKENS, document: FIRST_TOKENS };
      return { chunk: sums.tokens / sums.chunks, document: sums.tokens / sums.documents };
    },
    last: (): number =>
      read.get<{ last: number }>(`select seq as last from sqlite_sequence where name = 'qdrant_revision'`)
        ?.last ?? LEFT,

    begin: (documentId: string): Promise<number> =>
      database.write(
        (connection) =>
          connection.run(`insert into qdrant_revision(document_id, state) values (?, 'writing')`, documentId)
            .id,
      ),
    /** Puts `revision` in force; readers that begin from now on see it, and not the one before. */
    putInForce: (
      documentId: string,
      revision: number,
      { chunks, tokens }: { chunks: number; tokens: number },
    ): Promise<void> =>
      database.write((connection) => {
        connection.run(
          `update qdrant_revision set state = 'leaving' where document_id = ? and state = 'in force'`,
          documentId,
        );
        connection.run(
          `update qdrant_revision set state = 'in force', chunks = ?, tokens = ? where revision = ?`,
          chunks,
          tokens,
          revision,
        );
      }),
    /** Nothing of the document is seen any more by readers that begin from now on. */
    leave: (documentId: string): Promise<unknown> =>
      database.write((connection) =>
        connection.run(
          `update qdrant_revision set state = 'leaving' where document_id = ? and state = 'in force'`,
          documentId,
        ),
      ),
    /** A write that failed may still arrive at the server, so that its revision stays hidden for long. */
    fail: (revision: number): Promise<unknown> =>
      database.write((connection) =>
        connection.run(`update qdrant_revision set state = 'failed' where revision = ?`, revision),
      ),
    /** What was being written when the process ended. */
    failUnfinished: (): Promise<unknown> =>
      database.write((connection) =>
        connection.run(`update qdrant_revision set state = 'failed' where state = 'writing'`),
      ),
    hidden,
    leaving: (documentId?: string): number[] =>
      documentId === undefined
        ? among(`state <> 'in force' and state = 'leaving'`)
        : among(`state <> 'in force' and state = 'leaving' and document_id = ?`, documentId),
    failed: (): number[] => among(`state <> 'in force' and state = 'failed'`),
    forget: (revisions: readonly number[]): Promise<unknown> =>
      database.write((connection) =>
        connection.run(
          `delete from qdrant_revision where state <> 'in force'
           and revision in (select value from json_each(?))`,
          JSON.stringify(revisions),
        ),
      ),

    /** What is visible now stays so until `work` has ended. */
    read<T>(work: (visible: Filter) => Promise<T>): Promise<T> {
      const done = work(visible());
      const settled = Promise.allSettled([done]);
      reading.add(settled);
      void settled.then(() => reading.delete(settled));
      return done;
    },
    /** Resolves when every reader that has begun by now has ended. */
    drained: async (): Promise<void> => {
      await Promise.all(reading);
    },
  };
}

/** Both filters together. */
export function and(one: Filter, other: Filter): Filter {
  const must = [...listOf(one.must), ...listOf(other.must)];
  const mustNot = [...listOf(one.must_not), ...listOf(other.must_not)];
  return { ...(must.length > 0 && { must }), ...(mustNot.length > 0 && { must_not: mustNot }) };
}

type Condition = Schemas['Condition'];

function listOf(conditions: Condition | Condition[] | null | undefined): Condition[] {
  if (conditions === null || conditions === undefined) return [];
  return Array.isArray(conditions) ? conditions : [conditions];
}
