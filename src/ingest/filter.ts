import { z } from 'zod';
import { LimnerError } from '../errors.ts';

/** What a document's sender or its folder's policy says of it; one flat level, as OpenAI's attributes. */
export const Metadata = z
  .record(z.string().min(1).max(64), z.union([z.string().max(2000), z.number(), z.boolean()]))
  .refine((all) => Object.keys(all).length <= 64, 'at most 64 keys');
export type Metadata = z.infer<typeof Metadata>;

const Value = z.union([z.string().max(2000), z.number(), z.boolean()]);
const Values = z.array(Value).min(1).max(1000);
const Key = z.string().min(1).max(64);
const One = z.strictObject({ type: z.enum(['eq', 'ne', 'gt', 'gte', 'lt', 'lte']), key: Key, value: Value });
const Several = z.strictObject({ type: z.enum(['in', 'nin']), key: Key, value: Values });

/** OpenAI's filter of vector stores: comparisons of one key, joined by `and` and `or`. */
export type Filter =
  | z.infer<typeof One>
  | z.infer<typeof Several>
  | { type: 'and' | 'or'; filters: Filter[] };

const Long: z.ZodType<Filter> = z
  .lazy(() =>
    z.union([
      One,
      Several,
      z.strictObject({ type: z.enum(['and', 'or']), filters: z.array(Long).min(1).max(100) }),
    ]),
  )
  .meta({ id: 'LongFilter' });

/** `{key: value}` means equal, `{key: [values]}` any of them, several keys all of them. */
const Short = z
  .record(z.string().min(1).max(64), z.union([Value, Values]))
  .refine((all) => Object.keys(all).length > 0, 'at least one key')
  .refine((all) => !('type' in all && ('key' in all || 'filters' in all)), 'a comparison that is not whole')
  .transform((all): Filter => ({
    type: 'and',
    filters: Object.entries(all).map(([key, value]) =>
      Array.isArray(value) ? { type: 'in', key, value } : { type: 'eq', key, value },
    ),
  }));

/** Both forms of a filter, read into the long one. */
export const Filter: z.ZodType<Filter> = z.union([Long, Short]).meta({ id: 'Filter' });

export interface Condition {
  sql: string;
  values: (string | number)[];
}

/** Columns of the ledger that a filter may name besides the metadata. */
const COLUMNS: ReadonlySet<string> = new Set(['collection', 'title', 'uri', 'created_at', 'updated_at']);

const OPERATORS = { eq: '=', ne: '!=', gt: '>', gte: '>=', lt: '<', lte: '<=' } as const;

/** The filter as a condition on rows of the ledger. Throws `invalid_request` for what cannot be compared. */
export function conditionOf(filter: Filter): Condition {
  if ('filters' in filter) {
    const parts = filter.filters.map(conditionOf);
    return {
      sql: `(${parts.map(({ sql }) => sql).join(` ${filter.type} `)})`,
      values: parts.flatMap(({ values }) => values),
    };
  }
  if (!isSeveral(filter)) return compare(filter.key, filter.type, filter.value);
  const parts = filter.value.map((value) => compare(filter.key, 'eq', value));
  const any = `(${parts.map(({ sql }) => sql).join(' or ')})`;
  return {
    sql: filter.type === 'in' ? any : `not ${any}`,
    values: parts.flatMap(({ values }) => values),
  };
}

function isSeveral(filter: z.infer<typeof One> | z.infer<typeof Several>): filter is z.infer<typeof Several> {
  return filter.type === 'in' || filter.type === 'nin';
}

function compare(key: string, type: keyof typeof OPERATORS, value: string | number | boolean): Condition {
  if (key === 'tags')
    return membership(type, value, 'exists (select 1 from json_each(tags) where value = ?)');
  if (key === 'extension') return membership(type, withDot(value), `uri like '%' || ? escape '\\'`);
  const bound = typeof value === 'boolean' ? Number(value) : value;
  if (COLUMNS.has(key)) return { sql: `${key} ${OPERATORS[type]} ?`, values: [bound] };
  if (type === 'ne') return { sql: `not exists (${MEMBER} and value = ?)`, values: [key, bound] };
  // A number and a word are neither equal nor in any order.
  return {
    sql: `exists (${MEMBER} and value ${OPERATORS[type]} ? and (typeof(value) = 'text') = ?)`,
    values: [key, bound, Number(typeof bound === 'string')],
  };
}

const MEMBER = 'select 1 from json_each(metadata) where key = ?';

function membership(type: string, value: string | number | boolean, sql: string): Condition {
  if (type === 'eq') return { sql, values: [String(value)] };
  if (type === 'ne') return { sql: `not ${sql}`, values: [String(value)] };
  throw new LimnerError('invalid_request', `Tags and extensions have no order; ${type} cannot be asked.`, {
    param: 'filter',
  });
}

function withDot(value: string | number | boolean): string {
  return `.${String(value).replace(/^\./, '')}`.replaceAll(/[%_\\]/g, '\\$&');
}

/** The keys of metadata that a filter names. */
export function metadataKeysOf(filter: Filter): string[] {
  if ('filters' in filter) return filter.filters.flatMap(metadataKeysOf);
  const builtIn = COLUMNS.has(filter.key) || filter.key === 'tags' || filter.key === 'extension';
  return builtIn ? [] : [filter.key];
}
