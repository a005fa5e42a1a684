import { LimnerError } from '../errors.ts';
import type { StoreFiles } from '../ingest/store-files.ts';
import { documentIdOf } from './file-ids.ts';

/**
 * How many come before the page behind the item that `after` names.
 * @throws LimnerError `invalid_request` for one that is not among them: to begin anew would be an endless list.
 */
export function countBefore(ids: readonly string[], after: string | undefined): number {
  if (after === undefined) return 0;
  const at = ids.indexOf(after);
  if (at < 0) throw unknownCursor(after);
  return at + 1;
}

/** The document behind which a page of files begins; one that is gone since its page was read still has its place. */
export function fileAfter(files: Pick<StoreFiles, 'known'>, after: string | undefined): { after?: string } {
  if (after === undefined) return {};
  const id = documentIdOf(after);
  if (!files.known(id)) throw unknownCursor(after);
  return { after: id };
}

const NEWEST = /^(\d{4}-\d\d-\d\dT[\d:.]+Z)~([\w-]+)$/;

/** The place in a list of the newest first that a `next_cursor` of it names. */
export function placeOf(cursor: string): { updated_at: string; id: string } {
  const [, at, id] = NEWEST.exec(cursor) ?? [];
  if (at !== undefined && id !== undefined) return { updated_at: at, id };
  throw new LimnerError('invalid_request', 'cursor: must be a next_cursor of this list', { param: 'cursor' });
}

function unknownCursor(after: string): LimnerError {
  return new LimnerError('invalid_request', `after: ${JSON.stringify(after)} is not in this list.`, {
    param: 'after',
  });
}
