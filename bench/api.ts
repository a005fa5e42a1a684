/**
 * Requests a second and p99 of the routes at 1 to 500 requests at once, without a model server: all of it is our own
 * time. `node bench/api.ts [documents]`
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { startService } from './service.ts';

const Jobs = z.object({ jobs: z.number() });

const DOCUMENTS = Number(process.argv[2] ?? 1000);
const MEASURE_MS = 2000;
const WIDTHS = [1, 10, 100, 500];

const folder = await mkdtemp(join(tmpdir(), 'limner-bench-'));
const service = await startService({
  LIMNER_DATA: join(folder, 'data'),
  LIMNER_INBOX: join(folder, 'inbox'),
  LIMNER_RATE_PER_MINUTE: '0',
  LIMNER_LOG_LEVEL: 'silent',
  OLLAMA_HOST: 'http://127.0.0.1:9',
});

function post(path: string, body: object): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  return fetch(service.url + path, { method: 'POST', headers, body: JSON.stringify(body) });
}

async function fill(): Promise<void> {
  for (let at = 0; at < DOCUMENTS; at++)
    await (
      await post('/api/documents', { text: `Note ${at} on bird ${at % 97} and reed ${at % 31}.` })
    ).text();
  while ((await jobs()) > 0) await new Promise((resolve) => setTimeout(resolve, 200));
}

async function jobs(): Promise<number> {
  return Jobs.parse(await (await fetch(`${service.url}/api/status`)).json()).jobs;
}

async function measure(name: string, width: number, ask: () => Promise<Response>): Promise<void> {
  const times: number[] = [];
  const statuses = new Map<number, number>();
  const end = performance.now() + MEASURE_MS;
  const client = async (): Promise<void> => {
    while (performance.now() < end) {
      const since = performance.now();
      const response = await ask();
      await response.text();
      times.push(performance.now() - since);
      statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: width }, client));
  times.sort((a, b) => a - b);
  const at = (share: number): string => (times[Math.floor(times.length * share)] ?? NaN).toFixed(1);
  const rate = Math.round(times.length / (MEASURE_MS / 1000));
  const answered = JSON.stringify(Object.fromEntries(statuses));
  process.stdout.write(
    `${name} ${width} at once: ${rate}/s, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms ${answered}\n`,
  );
}

try {
  await fill();
  for (const width of WIDTHS) {
    await measure('/healthz', width, () => fetch(`${service.url}/healthz`));
    await measure('/api/search', width, () => post('/api/search', { query: 'bird reed' }));
  }
} finally {
  await service.stop();
  await rm(folder, { recursive: true, force: true });
}
