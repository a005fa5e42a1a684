import type { Connection } from '../sqlite.ts';
import type { ChunkIndex } from './chunk-index.ts';
import { listBytes, PAGE_SLOTS, type Page } from './page.ts';
import { segmentBytes, segmentOf } from './segment.ts';

/**
 * Full pages of the index, kept so that a start need not read every row. They follow from the rows: `chunk_gone` names
 * chunks that have gone since their page was kept, and pages of another format are thrown away.
 */
export const PAGE_TABLES = `
  create table page(number integer primary key, used integer not null, last integer not null);
  create table page_vectors(
    page integer primary key, model text not null, dimensions integer not null, has blob not null
  );
  create table page_bytes(page integer not null, name text not null, ordinal integer not null, data blob not null);
  create unique index page_bytes_name on page_bytes(page, name, ordinal);
  create table chunk_gone(id integer primary key);
  create table page_format(format text not null);`;

export interface KeptVectors {
  model: string;
  dimensions: number;
  has: Uint8Array;
  bytes: Uint8Array;
}

type Name = 'lists' | 'terms' | 'vectors';

/** Bytes of one row: a write gives the event loop a turn between two. */
const PIECE_BYTES = 256 * 1024;

/** Forgets what was kept in another format than `format`. */
export function* requireFormat(connection: Connection, format: string): Generator<void, void> {
  if (connection.get<{ format: string }>('select format from page_format')?.format === format) return;
  yield* forgetPages(connection);
  connection.run('delete from page_format');
  connection.run('insert into page_format values (?)', format);
}

export function* forgetPages(connection: Connection): Generator<void, void> {
  for (const table of ['page_bytes', 'page_vectors', 'page', 'chunk_gone']) {
    connection.run(`delete from ${table}`);
    yield;
  }
}

/** The last chunk that the kept pages cover, and how many up to it there are. */
export function coveredChunks(read: Connection): { last: number; chunks: number } {
  const last = read.get<{ last: number | null }>('select max(last) as last from page')?.last ?? 0;
  const rows = read.get<{ chunks: number }>(
    'select count(*) as chunks from chunk indexed by chunk_collection where id <= ?',
    last,
  );
  return { last, chunks: rows?.chunks ?? 0 };
}

/** A full page with one part. */
export function* keepPage(connection: Connection, page: Page): Generator<void, void> {
  const [part] = page.parts;
  if (!part) return;
  const last = page.ids.subarray(0, page.used).reduce((most, id) => Math.max(most, id), 0);
  connection.run('insert or replace into page values (?, ?, ?)', page.number, page.used, last);
  yield* putBytes(connection, page.number, 'lists', listBytes(page));
  yield* putBytes(connection, page.number, 'terms', segmentBytes(part.segment));
}

/** The vectors of a kept page: those of every chunk that is there. */
export function* keepVectors(
  connection: Connection,
  page: number,
  { model, dimensions, has, bytes }: KeptVectors,
): Generator<void, void> {
  connection.run('insert or replace into page_vectors values (?, ?, ?, ?)', page, model, dimensions, has);
  yield* putBytes(connection, page, 'vectors', bytes);
}

/** Puts `page`, which may be undefined, in the place of pages whose chunks have moved to it. */
export function* replacePages(
  connection: Connection,
  old: readonly Page[],
  page: Page | undefined,
): Generator<void, void> {
  for (const { number, ids, used, live } of old) {
    connection.run('delete from page where number = ?', number);
    connection.run('delete from page_vectors where page = ?', number);
    connection.run('delete from page_bytes where page = ?', number);
    const dead = [...ids.subarray(0, used)].filter((_, slot) => live[slot] === 0);
    connection.run(
      'delete from chunk_gone where id in (select value from json_each(?))',
      JSON.stringify(dead),
    );
    yield;
  }
  if (page) yield* keepPage(connection, page);
}

function* putBytes(
  connection: Connection,
  page: number,
  name: Name,
  bytes: Uint8Array,
): Generator<void, void> {
  connection.run('delete from page_bytes where page = ? and name = ?', page, name);
  for (let from = 0; from < bytes.length; from += PIECE_BYTES) {
    // SQLite reads no shared memory, hence the copy.
    const data = bytes.slice(from, from + PIECE_BYTES);
    connection.run(
      'insert into page_bytes values (?, ?, ?, ?)',
      page,
      name,
      from / PIECE_BYTES,
      new Uint8Array(data),
    );
    yield;
  }
}

/** Restores the kept pages one by one. */
export function* restorePages(read: Connection, index: ChunkIndex): Generator<Page, void> {
  const gone = new Set(read.all<{ id: number }>('select id from chunk_gone').map(({ id }) => id));
  const rows = read.all<{ number: number; used: number }>('select number, used from page order by number');
  for (const { number, used } of rows) {
    const terms = takeBytes(read, number, 'terms');
    const lists = takeBytes(read, number, 'lists');
    yield index.restore({ number, used, segment: segmentOf(terms), lists, isGone: (id) => gone.has(id) });
  }
}

/** Whether the page's vectors of `model` were kept; then they are in the index. */
export function restoreVectors(read: Connection, index: ChunkIndex, page: Page, model: string): boolean {
  const row = read.get<{ dimensions: number; has: Uint8Array }>(
    'select dimensions, has from page_vectors where page = ? and model = ?',
    page.number,
    model,
  );
  if (row?.has.length !== PAGE_SLOTS) return false;
  index.restoreVectors(page, row.dimensions, row.has, (into) => fill(read, page.number, 'vectors', into));
  return true;
}

function takeBytes(read: Connection, page: number, name: Name): Uint8Array<SharedArrayBuffer> {
  const size = read.get<{ size: number }>(
    'select sum(length(data)) as size from page_bytes where page = ? and name = ?',
    page,
    name,
  )?.size;
  const bytes = new Uint8Array(new SharedArrayBuffer(size ?? 0));
  fill(read, page, name, bytes);
  return bytes;
}

function fill(read: Connection, page: number, name: Name, into: Uint8Array): void {
  const rows = read.all<{ ordinal: number; data: Uint8Array }>(
    'select ordinal, data from page_bytes where page = ? and name = ? order by ordinal',
    page,
    name,
  );
  for (const { ordinal, data } of rows) into.set(data, ordinal * PIECE_BYTES);
}
