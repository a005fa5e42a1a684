import type { z } from 'zod';
import { ScanAnswer } from '../api/service-shapes.ts';
import type { Context } from '../command-line.ts';
import { LimnerError } from '../errors.ts';
import { openService } from './service.ts';

type Result = z.infer<typeof ScanAnswer>;

/** A scan needs somebody who then reads what it finds: the service, or `ingest`. */
export async function scan(context: Context): Promise<number> {
  const [flag] = context.args;
  if (flag !== undefined && flag !== '--dry-run')
    throw new LimnerError('invalid_request', `scan knows --dry-run, not ${flag}.`);
  const dryRun = flag !== undefined;
  const service = await openService(context);
  try {
    if (!dryRun && service.address === undefined)
      throw new LimnerError('conflict', 'The service is not running; it scans by itself when it starts.');
    const result = await service.call(ScanAnswer, 'POST', '/api/inbox/scan', { dry_run: dryRun });
    process.stdout.write(linesOf(result).join('\n') + '\n');
    return 0;
  } finally {
    await service.close();
  }
}

function linesOf(result: Result): string[] {
  const { added, updated, moved, forgotten, ignored, unreadable } = result;
  return [
    ...added.map((uri) => `add     ${quoted(uri)}`),
    ...updated.map((uri) => `update  ${quoted(uri)}`),
    ...moved.map(({ from, to }) => `move    ${quoted(from)} -> ${quoted(to)}`),
    ...forgotten.map((uri) => `forget  ${quoted(uri)}`),
    ...ignored.map(({ path, reason }) => `ignore  ${quoted(path)} (${reason})`),
    ...unreadable.map(({ folder, reason }) => `skip    ${quoted(folder)} (${reason})`),
    `${added.length} to add, ${updated.length} to update, ${moved.length} moved, ${forgotten.length} to forget; about ${duration(result.seconds)}`,
  ];
}

/** A name may hold line breaks and worse; one that does not is shown as it is. */
function quoted(uri: string): string {
  return /[\p{Cc}\p{Cf}"]/u.test(uri) ? JSON.stringify(uri) : uri;
}

function duration(seconds: number): string {
  if (seconds < 90) return `${seconds} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}
