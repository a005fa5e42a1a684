import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { removeFolder, startService, temporaryFolder, type Service } from './service.ts';
import { until } from './until.ts';

const WRITER = fileURLToPath(new URL('./fakes/writer.ts', import.meta.url));
const WRITERS = 4;
/** Two thirds of it on a machine that is slow and busy. */
const LIMIT_MS = 300_000;

let folder = '';
let service: Service | undefined;

afterEach(async () => {
  await service?.stop();
  await removeFolder(folder);
});

async function write(inbox: string, number: number, files: number): Promise<void> {
  const writer = spawn(process.execPath, [WRITER, inbox, String(number), String(files / WRITERS)], {
    stdio: 'inherit',
  });
  const [code] = await once(writer, 'exit');
  expect(code).toBe(0);
}

interface Status {
  documents: Record<string, number>;
  jobs: number;
  settling: number;
}

async function statusOf(running: Service): Promise<Status> {
  return JSON.parse(await (await running.get('/api/status')).text());
}

it.each([
  [10_000, 'polling'],
  [3000, 'events'],
])(
  `%i files that ${WRITERS} processes write at once are all searchable, by %s`,
  { timeout: LIMIT_MS + 60_000 },
  async (files, watch) => {
    folder = await temporaryFolder();
    const running = (service = await startService(folder, {
      LIMNER_WATCH: watch,
      LIMNER_POLL_SECONDS: '1',
      LIMNER_SCAN_SECONDS: '2',
    }));
    const since = performance.now();
    await Promise.all(Array.from({ length: WRITERS }, (_, number) => write(running.inbox, number, files)));
    await until(
      async () => {
        const { documents, jobs, settling } = await statusOf(running);
        return documents['searchable'] === files && jobs === 0 && settling === 0;
      },
      'every file to be searchable',
      LIMIT_MS,
      // Each look counts all of them.
      250,
    );
    process.stdout.write(
      `flood by ${watch}: ${Math.round(files / ((performance.now() - since) / 1000))} files/s\n`,
    );
    expect((await statusOf(running)).documents).toEqual({ searchable: files });
    const verified = await (await running.get('/api/verify')).text();
    expect(JSON.parse(verified)).toMatchObject({ documents: files, files: files, findings: [] });
    for (const [number, file] of [
      [0, 0],
      [1, files / 10],
      [3, files / WRITERS - 1],
    ]) {
      const hits = await (await running.post('/api/search', { query: `zq${number}x${file}` })).text();
      expect(JSON.parse(hits).hits).toHaveLength(1);
    }
  },
);
