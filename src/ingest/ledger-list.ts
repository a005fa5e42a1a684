import type { DocumentState } from '../document.ts';
import type { Connection } from '../sqlite.ts';
import type { LedgerRow } from './ledger-row.ts';

export interface DocumentFilter {
  collection?: string;
  state?: DocumentState;
  /** Each of these words is in the title or the uri, whatever its case (of ASCII). */
  words?: readonly string[];
  /** By ids, or what changed last first. */
  order?: 'id' | 'newest';
  /** The last one of the page before: its id, or `updated_at~id` of the newest first. */
  after?: string;
  limit: number;
}

/** A page of the ledger. */
export function listDocuments(read: Connection, filter: DocumentFilter): LedgerRow[] {
  const { collection, state, words = [], order = 'id', after, limit } = filter;
  const conditions: [sql: string, ...values: string[]][] = words.map((word) => [
    `instr(lower(title || ' ' || uri), lower(?)) > 0`,
    word,
  ]);
  if (collection !== undefined) conditions.push(['collection = ?', collection]);
  if (state) conditions.push(['state = ?', state]);
  if (after !== undefined) conditions.push(beyond(order, after));
  const where = conditions.map(([sql]) => sql).join(' and ') || 'true';
  return read.all<LedgerRow>(
    `select * from document where ${where} order by ${order === 'id' ? 'id' : 'updated_at desc, id desc'} limit ?`,
    ...conditions.flatMap(([, ...values]) => values),
    limit,
  );
}

function beyond(order: DocumentFilter['order'], after: string): [sql: string, ...values: string[]] {
  if (order !== 'newest') return ['id > ?', after];
  const [at = '', id = ''] = after.split('~');
  return ['(updated_at, id) < (?, ?)', at, id];
}

/** What names the last document of a page to the next. */
export function cursorOf(
  { id, updated_at: at }: Pick<LedgerRow, 'id' | 'updated_at'>,
  order: DocumentFilter['order'],
) {
  return order === 'newest' ? `${at}~${id}` : id;
}
