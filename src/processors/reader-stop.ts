import type { Section } from '../document.ts';
import { LimnerError } from '../errors.ts';
import type { ReaderOptions } from './reader.ts';

/** Why a process was killed on purpose. */
export type Verdict = 'timeout' | 'page' | 'memory' | 'cancelled';

/** How a process ended that gave no answer. `undefined` is a crash. */
export interface End {
  verdict: Verdict | undefined;
  stderr: string;
}

/** The failure of a file of which nothing was read. */
export function endError({ verdict, stderr }: End, options: ReaderOptions): LimnerError {
  const { memoryMb, residentMb } = options;
  switch (verdict) {
    case 'cancelled':
      return new LimnerError('cancelled', 'Reading the file was stopped.');
    case 'timeout':
    case 'page':
      return new LimnerError(
        'timeout',
        `Reading took longer than ${lateness(verdict, options)}; splitting the file may help.`,
      );
    case 'memory':
      return new LimnerError(
        'limit',
        `Reading needed more than ${residentMb} MB of memory (LIMNER_EXTRACT_RESIDENT_MB); splitting the file may help.`,
      );
    case undefined:
    default:
      return isHeapFull(stderr) ? heapFull(memoryMb) : new LimnerError('crashed', BROKE_DOWN);
  }
}

const BROKE_DOWN =
  'The reader of this kind of document broke down on this file; opening and saving it again may help.';

function heapFull(memoryMb: number): LimnerError {
  const message = `The file unfolds to more than the ${memoryMb} MB of memory a reader has (LIMNER_EXTRACT_MEMORY_MB); splitting it may help.`;
  return new LimnerError('limit', message);
}

/** Whether native code may have brought the end about: it crashed, or took memory beyond the heap. */
export function isBreakdown({ verdict, stderr }: End): boolean {
  return verdict === 'memory' || (verdict === undefined && !isHeapFull(stderr));
}

/** Whether what was read before the end is worth keeping: a crash may be nobody's fault, unless pages were counted. */
export function mayKeep({ verdict, stderr }: End, finished: number | undefined): boolean {
  if (verdict === undefined) return finished !== undefined || isHeapFull(stderr);
  return verdict !== 'cancelled';
}

export function pageWarning(page: number, end: End, options: ReaderOptions): string {
  return `Page ${page} could not be read because ${reasonOf(end, options)}.`;
}

export function stopWarning(
  { sections }: { sections: readonly Section[] },
  hasAllPages: boolean,
  end: End,
  options: ReaderOptions,
): string {
  const reason = reasonOf(end, options);
  if (hasAllPages)
    return `Reading stopped behind the last page because ${reason}; figures and files inside may be missing.`;
  const page = sections.at(-1)?.page;
  const where = page === undefined ? '' : ` after page ${page}`;
  return `Reading stopped${where} because ${reason}; the rest is not searchable.`;
}

function reasonOf({ verdict, stderr }: End, options: ReaderOptions): string {
  if (verdict === 'timeout' || verdict === 'page') return `it took longer than ${lateness(verdict, options)}`;
  if (verdict === 'memory')
    return `it needed more than ${options.residentMb} MB of memory (LIMNER_EXTRACT_RESIDENT_MB)`;
  return isHeapFull(stderr)
    ? `it unfolds to more than the ${options.memoryMb} MB of memory a reader has (LIMNER_EXTRACT_MEMORY_MB)`
    : 'the reader broke down on it';
}

function isHeapFull(stderr: string): boolean {
  return stderr.includes('heap out of memory') || stderr.includes('Last few GCs');
}

/** The time that was over, and the setting that moves it. */
function lateness(verdict: 'timeout' | 'page', options: ReaderOptions): string {
  return verdict === 'page'
    ? `${(options.pageMs ?? 0) / 1000} seconds for a page (LIMNER_EXTRACT_PAGE_SECONDS)`
    : `${options.timeoutMs / 1000} seconds (LIMNER_EXTRACT_SECONDS)`;
}
