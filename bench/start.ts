/**
 * How long the service takes from its start to ready on an empty folder, and what it holds in memory when it
 * has nothing to do. `node bench/start.ts [runs]`
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { childrenOf, median, memoryMb } from './figures.ts';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const EARLY_MS = 5000;
/** Until the garbage of the start is given back (src/rest.ts). */
const IDLE_MS = 30_000;
const PATIENCE_MS = 30_000;

const { positionals } = parseArgs({ allowPositionals: true });
const runs: Run[] = [];
for (let left = Number(positionals[0] ?? 7); left > 0; left--) runs.push(await measure());
console.table({
  'start to ready, ms (goal: under 1000)': spread(runs.map(({ readyMs }) => readyMs)),
  'resident 5 s after it, MB': spread(runs.map(({ earlyMb }) => earlyMb)),
  'resident when idle, MB (goal: under 150)': spread(runs.map(({ residentMb }) => residentMb)),
  'of it not shared with other programs, MB': spread(runs.map(({ ownMb }) => ownMb)),
  processes: spread(runs.map(({ processes }) => processes)),
});

interface Run {
  readyMs: number;
  earlyMb: number;
  residentMb: number;
  ownMb: number;
  processes: number;
}

async function measure(): Promise<Run> {
  const folder = mkdtempSync(join(tmpdir(), 'limner-bench-'));
  const since = performance.now();
  const child = spawn(process.execPath, [MAIN, 'serve'], {
    cwd: folder,
    env: { PATH: process.env['PATH'], LIMNER_PORT: '0', LIMNER_LOG_LEVEL: 'error' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await untilReady(await addressOf(child));
  const readyMs = performance.now() - since;
  await after(EARLY_MS);
  const earlyMb = memoryMb(child.pid ?? 0, 'VmRSS');
  await after(IDLE_MS - EARLY_MS);
  const all = [child.pid ?? 0, ...childrenOf(child.pid ?? 0)];
  const sum = (read: (pid: number) => number): number => all.reduce((total, pid) => total + read(pid), 0);
  const residentMb = sum((pid) => memoryMb(pid, 'VmRSS'));
  const ownMb = sum((pid) => memoryMb(pid, 'Pss', 'smaps_rollup'));
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
  rmSync(folder, { recursive: true });
  return { readyMs, earlyMb, residentMb, ownMb, processes: all.length };
}

/** The service says where it listens; the port was its own choice. */
async function addressOf(child: ChildProcess): Promise<string> {
  let said = '';
  for await (const part of child.stdout ?? []) {
    said += String(part);
    const address = /Limner is at (http:\S+)\. /.exec(said)?.[1];
    if (address !== undefined) return address;
  }
  throw new Error(`The service ended before it listened: ${said}`);
}

async function untilReady(address: string): Promise<void> {
  for (const end = performance.now() + PATIENCE_MS; performance.now() < end; await after(5)) {
    const response = await fetch(`${address}/readyz`);
    await response.arrayBuffer();
    if (response.status === 200) return;
  }
  throw new Error(`Not ready after ${PATIENCE_MS} ms.`);
}

function spread(values: number[]): object {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return { median: Math.round(median(values)), least: Math.round(least), most: Math.round(most) };
}
