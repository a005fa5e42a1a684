import { z } from 'zod';
import type { ErrorCode } from '../errors.ts';
import type { LedgerDocument } from './catalogue.ts';

/** A row of the `document` table. */
export type LedgerRow = Omit<LedgerDocument, 'error' | 'warnings'> & {
  error_code: ErrorCode | null;
  error_message: string | null;
  /** A JSON list of sentences. */
  warnings: string;
};

const Warnings = z.array(z.string());

export function fromRow(row: LedgerRow | undefined): LedgerDocument | undefined {
  if (!row) return undefined;
  const { error_code: code, error_message: message, warnings, ...columns } = row;
  return {
    ...columns,
    error: code === null ? null : { code, message: message ?? '' },
    warnings: Warnings.parse(JSON.parse(warnings)),
  };
}
