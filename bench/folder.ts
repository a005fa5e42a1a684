/**
 * A big folder of small files, written by four processes at once beside the running service: how fast they become
 * searchable, what that takes of memory, and how long a start takes when they are all there, seen by an unchanged
 * ledger, and how long a walk of the folder. `node bench/folder.ts [files]`
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { walk } from '../src/ingest/scan.ts';
import { childrenOf, memoryMb } from './figures.ts';
import { startService, type ServiceUnderTest } from './service.ts';

const WRITER = fileURLToPath(new URL('../test/fakes/writer.ts', import.meta.url));
const WRITERS = 4;
const LOOK_MS = 200;

const Status = z.object({ documents: z.record(z.string(), z.number()) });

const files = Number(process.argv[2] ?? 10_000);
const folder = mkdtempSync(join(tmpdir(), 'limner-bench-'));
const inbox = join(folder, 'inbox');
mkdirSync(inbox);
try {
  console.log(`${files} files`);
  console.table({ ...(await flood()), ...(await startAgain()), ...(await walkAlone()) });
} finally {
  rmSync(folder, { recursive: true });
}

function start(): Promise<ServiceUnderTest> {
  return startService({
    LIMNER_INBOX: inbox,
    LIMNER_DATA: join(folder, 'data'),
    LIMNER_LOG_LEVEL: 'error',
    OLLAMA_HOST: 'http://127.0.0.1:9',
  });
}

async function flood(): Promise<Record<string, string>> {
  const service = await start();
  let childrenMb = 0;
  await service.delays();
  const since = performance.now();
  await Promise.all(Array.from({ length: WRITERS }, (_, number) => write(number)));
  const written = performance.now() - since;
  while ((await searchable(service)) < files) {
    const resident = childrenOf(service.pid).reduce((sum, pid) => sum + memoryMb(pid, 'VmRSS'), 0);
    childrenMb = Math.max(childrenMb, resident);
    await after(LOOK_MS);
  }
  const ms = performance.now() - since;
  const { delayP99, delayMax } = await service.delays();
  const peak = memoryMb(service.pid, 'VmHWM');
  await service.stop();
  return {
    'written by four processes, s': (written / 1000).toFixed(1),
    'all searchable, s after the first write': (ms / 1000).toFixed(1),
    'files/s to searchable': (files / (ms / 1000)).toFixed(0),
    'loop delay, p99 / max ms': `${delayP99.toFixed(1)} / ${delayMax.toFixed(0)}`,
    'peak memory, MB': peak.toFixed(0),
    'peak of its children, MB': childrenMb.toFixed(0),
  };
}

async function write(number: number): Promise<void> {
  const writer = spawn(process.execPath, [WRITER, inbox, String(number), String(files / WRITERS)]);
  await once(writer, 'exit');
}

async function searchable({ url }: ServiceUnderTest): Promise<number> {
  const { documents } = Status.parse(await (await fetch(`${url}/api/status`)).json());
  return documents['searchable'] ?? 0;
}

/** The service tells its address when the folder has been compared and is watched. */
async function startAgain(): Promise<Record<string, string>> {
  const since = performance.now();
  const service = await start();
  const ms = performance.now() - since;
  const resident = memoryMb(service.pid, 'VmRSS');
  await service.stop();
  return {
    'start to watching, nothing changed, s': (ms / 1000).toFixed(2),
    'resident after that start, MB': resident.toFixed(0),
  };
}

async function walkAlone(): Promise<Record<string, string>> {
  const since = performance.now();
  const found = await walk(inbox);
  return {
    [`walk of ${found.files.size} files alone, s`]: ((performance.now() - since) / 1000).toFixed(2),
  };
}
