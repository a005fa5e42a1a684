import type { Database } from '../sqlite.ts';

const SCHEMA = [
  `create table delivery(id text primary key, document_id text not null, at integer not null) without rowid;
   create index delivery_at on delivery(at);`,
];

/** How long a delivery's id is remembered, ms: senders repeat for some days at most. */
const KEEP_MS = 14 * 24 * 3_600_000;

export type Deliveries = ReturnType<typeof createDeliveries>;

/** Signed deliveries that were taken, by their id, so that a repeat has no effect, also after a restart. */
export function createDeliveries(database: Database) {
  database.migrate('deliveries', SCHEMA);
  return {
    /** The document that the delivery made; undefined when it is new. */
    find: (id: string): string | undefined =>
      database.read.get<{ document_id: string }>('select document_id from delivery where id = ?', id)
        ?.document_id,

    remember: (id: string, documentId: string): Promise<void> =>
      database.write((connection) => {
        connection.run('delete from delivery where at < ?', Date.now() - KEEP_MS);
        connection.run(
          'insert or replace into delivery(id, document_id, at) values (?, ?, ?)',
          id,
          documentId,
          Date.now(),
        );
      }),
  };
}
