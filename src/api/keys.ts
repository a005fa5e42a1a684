import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { LimnerError } from '../errors.ts';
import type { Database } from '../sqlite.ts';

export const SCOPES = ['read', 'write', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/**
 * How chat answers tell their sources beside the fields: `markdown` as a list at the end of the text, `events` as events
 * of Open WebUI, `fields` not at all.
 */
export const SOURCES = ['markdown', 'events', 'fields'] as const;
export type Sources = (typeof SOURCES)[number];

/** What a request may do. Without `collections` every collection is its; `rate` is requests a minute. */
export interface Access {
  id: string;
  scopes: readonly Scope[];
  collections?: readonly string[];
  rate?: number;
  /** What holds where a request says nothing of it. */
  sources?: Sources;
  /** Made here, and so to be looked up again; the others stand in the settings. */
  made?: true;
}

/** What a new key is made from. */
export const NewKey = z.strictObject({
  name: z.string().min(1).max(100),
  scopes: z.array(z.enum(SCOPES)).min(1).default(['read']),
  collections: z.array(z.string().min(1).max(200)).min(1).max(100).optional(),
  rate: z.number().int().min(1).max(1_000_000).optional(),
  expires_at: z.iso.datetime().optional(),
  sources: z.enum(SOURCES).optional(),
});
export type NewKey = z.infer<typeof NewKey>;

interface KeyRow {
  id: string;
  name: string;
  hash: Uint8Array;
  scopes: string;
  collections: string | null;
  rate: number | null;
  expires_at: string | null;
  created_at: string;
  sources: Sources | null;
}

const SCHEMA = [
  `create table api_key(
     id text primary key, name text not null, hash blob not null, scopes text not null, collections text,
     rate integer, expires_at text, created_at text not null
   ) without rowid;`,
  'alter table api_key add column sources text;',
];

const NOBODY = Buffer.alloc(32);
const Scopes = z.array(z.enum(SCOPES));
const Names = z.array(z.string());

export type Keys = ReturnType<typeof createKeys>;

/** Keys that were made here. Only the SHA-256 of each is kept; the key itself, 256 random bits, is shown once. */
export function createKeys(database: Database) {
  database.migrate('api-keys', SCHEMA);
  const { read } = database;

  return {
    any: (): boolean => read.get('select 1 from api_key limit 1') !== undefined,

    /** The key is in the answer and nowhere else afterwards. */
    async add(wanted: NewKey) {
      const id = randomBytes(6).toString('hex');
      const key = `lim_${id}_${randomBytes(32).toString('base64url')}`;
      await database.write((connection) =>
        connection.run(
          'insert into api_key values (?, ?, ?, ?, ?, ?, ?, ?, ?)',
          id,
          wanted.name,
          sha256(key),
          JSON.stringify(wanted.scopes),
          wanted.collections ? JSON.stringify(wanted.collections) : null,
          wanted.rate ?? null,
          wanted.expires_at ?? null,
          new Date().toISOString(),
          wanted.sources ?? null,
        ),
      );
      return { id, key };
    },

    list: () => read.all<KeyRow>('select * from api_key order by created_at, id').map(shown),

    /** Throws LimnerError `not_found`. */
    async revoke(id: string): Promise<void> {
      const { changes } = await database.write((connection) =>
        connection.run('delete from api_key where id = ?', id),
      );
      if (changes === 0) throw new LimnerError('not_found', `There is no key ${id}.`);
    },

    /** What the key opens; undefined for a wrong, revoked or expired one. An unknown id takes the same comparison. */
    find(key: string): Access | undefined {
      const id = /^lim_([0-9a-f]{12})_/.exec(key)?.[1] ?? '';
      const row = read.get<KeyRow>('select * from api_key where id = ?', id);
      const same = timingSafeEqual(sha256(key), row?.hash ?? NOBODY);
      return row && same ? accessOf(row) : undefined;
    },

    /** The access of a key that was proven before, as it is now; undefined once it is revoked or expired. */
    again(id: string): Access | undefined {
      const row = read.get<KeyRow>('select * from api_key where id = ?', id);
      return row && accessOf(row);
    },
  };
}

function accessOf(row: KeyRow): Access | undefined {
  if (row.expires_at !== null && Date.parse(row.expires_at) <= Date.now()) return undefined;
  return {
    id: row.id,
    made: true,
    scopes: Scopes.parse(JSON.parse(row.scopes)),
    ...(row.collections !== null && { collections: Names.parse(JSON.parse(row.collections)) }),
    ...(row.rate !== null && { rate: row.rate }),
    ...(row.sources !== null && { sources: row.sources }),
  };
}

function shown({ hash: _hash, scopes, collections, ...row }: KeyRow) {
  return {
    ...row,
    scopes: Scopes.parse(JSON.parse(scopes)),
    collections: collections === null ? null : Names.parse(JSON.parse(collections)),
  };
}

export function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
