import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { residentBytes } from '../../src/processors/resident.ts';
import { removeFolder, startService, temporaryFolder, type Document, type Service } from '../service.ts';
import { until } from '../until.ts';
import { readingProcesses } from './bed.ts';
import { HOSTILE } from './hostile-kinds.ts';

const MIB = 1024 * 1024;
const RESIDENT_MB = 1536;
const SETTINGS = {
  LIMNER_EXTRACT_SECONDS: '15',
  LIMNER_EXTRACT_PAGE_SECONDS: '6',
  LIMNER_EXTRACT_RESIDENT_MB: String(RESIDENT_MB),
  // What is kept is indexed, which takes its time too.
  LIMNER_MAX_TEXT_CHARACTERS: '2000000',
  LIMNER_MAX_SHEET_ROWS: '20000',
  LIMNER_WORKERS: '2',
};
/** How late an answer may be on a busy machine before the service counts as held up. */
const LATEST_MS = 2000;
/** What the service may hold more after the files than before them: the index of what is searchable now, and caches. */
const KEPT_MB = 200;

/** Watches a service while it works: the slowest answer of /healthz and the most memory of service and readers. */
function watch(service: Service) {
  const seen = { answers: 0, slowest: 0, service: 0, reader: 0 };
  let stopped = false;
  const watching = (async () => {
    while (!stopped) {
      const start = performance.now();
      const { status } = await service.get('/healthz');
      if (status !== 200) throw new Error(`/healthz answers ${status}.`);
      seen.answers += 1;
      seen.slowest = Math.max(seen.slowest, performance.now() - start);
      seen.service = Math.max(seen.service, await residentBytes(service.process.pid));
      for (const id of readingProcesses(service.process.pid))
        seen.reader = Math.max(seen.reader, await residentBytes(id));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  })();
  return async (): Promise<typeof seen> => {
    stopped = true;
    await watching;
    return seen;
  };
}

describe('hostile files in the running service', () => {
  let folder = '';
  let service: Service;
  let documents = new Map<string, Document>();
  let before = 0;
  let seen = { answers: 0, slowest: 0, service: 0, reader: 0 };

  beforeAll(async () => {
    folder = await temporaryFolder();
    service = await startService(folder, SETTINGS);
    await writeFile(join(service.inbox, 'good-before.md'), '# Before\n\nA good file.\n');
    await service.quiet(1);
    before = await residentBytes(service.process.pid);
    // Made before the watch: packing them holds up this process.
    await mkdir(join(folder, 'made'));
    for (const { name, make } of HOSTILE) await writeFile(join(folder, 'made', name), make());
    const stop = watch(service);
    for (const { name } of HOSTILE) await rename(join(folder, 'made', name), join(service.inbox, name));
    await writeFile(join(service.inbox, 'good-after.md'), '# After\n\nAnother good file.\n');
    documents = await service.quiet(HOSTILE.length + 2, 280_000);
    seen = await stop();
  }, 300_000);

  afterAll(async () => {
    await service.kill();
    await removeFolder(folder);
  });

  test('there are at least sixty kinds', () => {
    expect(new Set(HOSTILE.map(({ name }) => name)).size).toBeGreaterThanOrEqual(60);
  });

  test.each(HOSTILE.map(({ name, ends }) => [name, ends] as const))('%s ends as %s', (name, ends) => {
    const document = documents.get(name);
    expect(ends).toContain(document?.error?.code ?? document?.state);
    expect(document?.state).toBe(document?.error ? 'failed' : document?.state);
    if (document?.error) expect(document.error.message).toMatch(/^[A-Z].{20,200}\.$/s);
  });

  test('what is kept in part says so, with the name of the limit', () => {
    const warnings = (name: string): string => documents.get(name)?.warnings.join(' ') ?? '';
    expect(warnings('rows.xlsx')).toContain('LIMNER_MAX_SHEET_ROWS');
    expect(warnings('long.txt')).toContain('LIMNER_MAX_TEXT_CHARACTERS');
    expect(warnings('late.pdf')).toContain('LIMNER_EXTRACT_PAGE_SECONDS');
    expect(warnings('shared.pdf')).toMatch(/LIMNER_MAX_PAGES|LIMNER_EXTRACT_SECONDS/);
    expect(warnings('nested.zip')).toContain('LIMNER_MAX_NESTING');
  });

  test('the service answered the whole time', () => {
    expect(seen.answers).toBeGreaterThan(50);
    expect(seen.slowest).toBeLessThan(LATEST_MS);
  });

  test('the good files before and after are searchable', () => {
    expect(documents.get('good-before.md')?.state).toBe('searchable');
    expect(documents.get('good-after.md')?.state).toBe('searchable');
  });

  test('no reader took more than its limit, memory comes back, and no child is left', async () => {
    // The watch looks ten times a second: a reader may be over for that long.
    expect(seen.reader).toBeLessThan((RESIDENT_MB + 1024) * MIB);
    await until(() => readingProcesses(service.process.pid).length === 0, 'the readers to end', 60_000);
    expect(seen.service).toBeLessThan(before + 400 * MIB);
    const isSmall = async (): Promise<boolean> =>
      (await residentBytes(service.process.pid)) < before + KEPT_MB * MIB;
    await until(isSmall, 'the memory of the service to come back', 60_000);
    expect(await service.stop()).toBe(0);
  }, 130_000);
});
