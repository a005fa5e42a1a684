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
export const Filter: z.ZodType<Filter> = z
  .union([Long, Short], {
    error:
      'a filter is {key: value}, {type, key, value} with a type of eq, ne, gt, gte, lt, lte, in, nin, or {type: "and" or "or", filters}',
  })
  .meta({ id: 'Filter' });

export interface Condition {
  sql: string;
  values: (string | number)[];
}

/** Columns of the ledger that a filter may name besides the metadata. */
const COLUMNS: ReadonlySet<string> = new Set(['collection', 'title', 'uri', 'created_at', 'updated_at']);

const OPERATORS = { eq: '=', ne: '!=', gt: '>', gte: '>=', lt: '<', lte: '<=' } as const;

/** SQLite takes 32 766 values and conditions 1000 deep; nobody comes near who asks for something. */
const MOST_VALUES = 20_000;
const MOST_LEVELS = 50;

/**
 * The filter as a condition on rows of the ledger. Throws `invalid_request` for what cannot be compared, and for what is
 * too large.
 */
export function conditionOf(filter: Filter): Condition {
  const condition = nested(filter, 1);
  if (condition.values.length > MOST_VALUES) throw tooLarge(`names more than ${MOST_VALUES} values`);
  return condition;
}

function nested(filter: Filter, level: number): Condition {
  if (level > MOST_LEVELS) throw tooLarge(`is nested deeper than ${MOST_LEVELS} levels`);
  if ('filters' in filter)
    return joined(
      filter.type,
      filter.filters.map((one) => nested(one, level + 1)),
    );
  if (!isSeveral(filter)) return compare(filter.key, filter.type, filter.value);
  const any = joined(
    'or',
    filter.value.map((value) => compare(filter.key, 'eq', value)),
  );
  return filter.type === 'in' ? any : { ...any, sql: `not ${any.sql}` };
}

/** By halves: SQLite reads a row of a thousand conditions as one that is a thousand deep. */
function joined(word: 'and' | 'or', parts: readonly Condition[]): Condition {
  const [first] = parts;
  if (!first) return { sql: word === 'and' ? 'true' : 'false', values: [] };
  if (parts.length === 1) return { ...first, sql: `(${first.sql})` };
  const middle = parts.length >> 1;
  const [left, right] = [joined(word, parts.slice(0, middle)), joined(word, parts.slice(middle))];
  return { sql: `(${left.sql} ${word} ${right.sql})`, values: [...left.values, ...right.values] };
}

function tooLarge(how: string): LimnerError {
  return new LimnerError('invalid_request', `The filter ${how}.`, { param: 'filter' });
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
