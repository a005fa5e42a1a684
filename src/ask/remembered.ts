import { z } from 'zod';
import type { Database } from '../sqlite.ts';

/** A response that later ones go on from. Both are JSON as the API speaks it. */
export interface Remembered {
  /** The response as it was answered. */
  response: Record<string, unknown>;
  /** Everything that was said, the answer included: what the next question follows. */
  items: Record<string, unknown>[];
  /** How many of the items the request itself brought. */
  inputFrom: number;
  inputTo: number;
  /** The key that asked. */
  owner?: string | undefined;
}

const SCHEMA = [
  `create table response(id text primary key, created_at integer not null, body text not null) without rowid;
   create table response_item(id text primary key, response_id text not null, item text not null) without rowid;
   create index response_created on response(created_at);
   create index response_item_response on response_item(response_id);`,
];

const KEEP_MS = 30 * 24 * 3_600_000;
const Body = z.object({
  response: z.record(z.string(), z.unknown()),
  items: z.array(z.record(z.string(), z.unknown())),
  inputFrom: z.int(),
  inputTo: z.int(),
  owner: z.string().optional(),
});
const Item = z.record(z.string(), z.unknown());

export type Memory = ReturnType<typeof createMemory>;

/** Responses and the items of their output, for thirty days. */
export function createMemory(database: Database) {
  database.migrate('responses', SCHEMA);
  return {
    get(id: string): Remembered | undefined {
      const row = database.read.get<{ body: string }>('select body from response where id = ?', id);
      return row && Body.parse(JSON.parse(row.body));
    },
    /** An item of any output that is remembered, by its id. */
    item(id: string): Record<string, unknown> | undefined {
      const row = database.read.get<{ item: string }>('select item from response_item where id = ?', id);
      return row && Item.parse(JSON.parse(row.item));
    },
    async keep(id: string, remembered: Remembered): Promise<void> {
      await database.write((connection) => {
        const now = Date.now();
        connection.run(
          'delete from response_item where response_id in (select id from response where created_at < ?)',
          now - KEEP_MS,
        );
        connection.run('delete from response where created_at < ?', now - KEEP_MS);
        connection.run('insert into response values (?, ?, ?)', id, now, JSON.stringify(remembered));
        for (const item of remembered.items.slice(remembered.inputTo))
          if (typeof item['id'] === 'string')
            connection.run(
              'insert or ignore into response_item values (?, ?, ?)',
              item['id'],
              id,
              JSON.stringify(item),
            );
      });
    },
    /** Whether there was such a response. */
    forget: (id: string): Promise<boolean> =>
      database.write((connection) => {
        connection.run('delete from response_item where response_id = ?', id);
        return connection.run('delete from response where id = ?', id).changes > 0;
      }),
  };
}
