/**
 * Puts all files of a folder into the inbox of a service of its own and tells how each ended: in which state, by which
 * reader, with which reason; and whether the service answered all the while and left no process behind.
 *
 *     node bench/public-files.ts folder [report.jsonl]
 *
 * Settings (LIMNER_WORKERS, LIMNER_OCR_PAGES, ...) are taken from the environment. A line of the report is a document.
 */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { z } from 'zod';
import { childrenOf, memoryMb } from './figures.ts';
import { startService, type ServiceUnderTest } from './service.ts';

const LOOK_MS = 1000;
/** No document came to an end for so long: something hangs. */
const STUCK_MS = 15 * 60_000;
const ANSWER_MS = 30_000;

const Status = z.object({ documents: z.record(z.string(), z.number()) });
const Row = z.object({
  uri: z.string(),
  state: z.string(),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  warnings: z.array(z.string()).optional(),
  processor: z.string().nullish(),
  chunks: z.number(),
});
type Row = z.infer<typeof Row>;
const Page = z.object({ data: z.array(Row), next_cursor: z.string().nullable() });

/** The inbox leaves these out. */
const HIDDEN = /(?:^|\/)\./;

const ENDED = ['searchable', 'empty', 'failed'];

/** The answer, or nothing and a line about it where the service refused. */
async function ask<T>(service: ServiceUnderTest, path: string, shape: z.ZodType<T>): Promise<T | undefined> {
  const response = await fetch(service.url + path, { signal: AbortSignal.timeout(ANSWER_MS) });
  if (response.ok) return shape.parse(await response.json());
  console.log(`${path}: ${response.status} ${await response.text()}`);
  return undefined;
}

/** Resolves when all have ended, with the slowest answer meanwhile and the most memory of all readers, or when nothing moves. */
async function watch(service: ServiceUnderTest, files: number): Promise<Record<string, number>> {
  const seen = { ended: 0, slowestMs: 0, readersMb: 0, serviceMb: 0 };
  let moved = performance.now();
  while (seen.ended < files && performance.now() - moved < STUCK_MS) {
    await after(LOOK_MS);
    const since = performance.now();
    const status = await ask(service, '/api/status', Status);
    seen.slowestMs = Math.max(seen.slowestMs, Math.round(performance.now() - since));
    if (!status) continue;
    const { documents } = status;
    const ended = ENDED.reduce((sum, state) => sum + (documents[state] ?? 0), 0);
    if (ended !== seen.ended) moved = performance.now();
    seen.ended = ended;
    const readers = childrenOf(service.pid).reduce((sum, pid) => sum + memoryMb(pid, 'VmRSS'), 0);
    seen.readersMb = Math.max(seen.readersMb, Math.round(readers));
  }
  seen.serviceMb = Math.round(memoryMb(service.pid, 'VmHWM'));
  return seen;
}

async function allRows(service: ServiceUnderTest): Promise<Row[]> {
  const rows: Row[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const page: z.infer<typeof Page> | undefined = await ask(
      service,
      `/api/documents?limit=100${cursor && `&cursor=${encodeURIComponent(cursor)}`}`,
      Page,
    );
    if (!page) continue;
    rows.push(...page.data);
    cursor = page.next_cursor;
  }
  return rows;
}

function tally(rows: readonly Row[]): void {
  const table: Record<string, Record<string, number>> = {};
  for (const { uri, state, error } of rows) {
    const line = (table[extname(uri).toLowerCase() || '(none)'] ??= {});
    const outcome = error?.code ?? state;
    line[outcome] = (line[outcome] ?? 0) + 1;
  }
  console.table(table);
  for (const { uri, state, error } of rows)
    if (!ENDED.includes(state) || ['crashed', 'timeout', 'internal'].includes(error?.code ?? ''))
      console.log(`${error?.code ?? state}: ${uri}: ${error?.message ?? ''}`);
}

async function main(folder: string, report: string | undefined): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), 'limner-public-'));
  const inbox = join(home, 'inbox');
  mkdirSync(inbox);
  const settings = Object.entries(process.env).filter(([name]) => name.startsWith('LIMNER_'));
  const service = await startService({
    LIMNER_LOG_LEVEL: 'silent',
    OLLAMA_HOST: 'http://127.0.0.1:9',
    ...Object.fromEntries(settings.map(([name, value]) => [name, value ?? ''])),
    LIMNER_INBOX: inbox,
    LIMNER_DATA: join(home, 'data'),
  });
  try {
    const since = performance.now();
    cpSync(folder, inbox, { recursive: true });
    const files = readdirSync(inbox, { recursive: true, encoding: 'utf8' }).filter(
      (path) => !HIDDEN.test(path) && statSync(join(inbox, path)).isFile(),
    ).length;
    const seen = await watch(service, files);
    const rows = await allRows(service);
    if (report) writeFileSync(report, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    tally(rows);
    console.log({
      files,
      rows: rows.length,
      ...seen,
      seconds: Math.round((performance.now() - since) / 1000),
    });
  } finally {
    const readers = childrenOf(service.pid);
    await service.stop();
    console.log('left behind:', readers.filter((pid) => memoryMb(pid, 'VmRSS') > 0).length);
    rmSync(home, { recursive: true, force: true });
  }
}

const [folder, report] = process.argv.slice(2);
if (!folder) throw new Error('Which folder? node bench/public-files.ts folder [report.jsonl]');
await main(folder, report);
