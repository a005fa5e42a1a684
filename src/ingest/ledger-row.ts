import { z } from 'zod';
import type { ErrorCode } from '../errors.ts';
import type { LedgerDocument } from './catalogue.ts';
import { Metadata } from './filter.ts';

/** A row of the `document` table. */
export type LedgerRow = Omit<LedgerDocument, 'error' | 'warnings' | 'metadata' | 'tags'> & {
  error_code: ErrorCode | null;
  error_message: string | null;
  /** A JSON list of sentences. */
  warnings: string;
  /** A JSON object. */
  metadata: string;
  /** A JSON list of words. */
  tags: string;
};

const Words = z.array(z.string());

export function fromRow(row: LedgerRow | undefined): LedgerDocument | undefined {
  if (!row) return undefined;
  const { error_code: code, error_message: message, warnings, metadata, tags, ...columns } = row;
  return {
    ...columns,
    error: code === null ? null : { code, message: message ?? '' },
    warnings: Words.parse(JSON.parse(warnings)),
    metadata: Metadata.parse(JSON.parse(metadata)),
    tags: Words.parse(JSON.parse(tags)),
  };
}

/** A condition on rows, of all collections or of some: `within` gives its values. */
export const WITHIN = '(? is null or collection in (select value from json_each(?)))';

export function within(collections: readonly string[] | undefined): [string | null, string | null] {
  const names = collections ? JSON.stringify(collections) : null;
  return [names, names];
}
