import { readdirSync, readFileSync } from 'node:fs';

/** What the benches measure with, besides the clock. Memory is read from /proc: 0 where there is none. */

export type Row = Record<string, string | number>;

/** Runs as columns: there are more figures than runs. */
export function turned(runs: Record<string, Row>): Record<string, Row> {
  const table: Record<string, Row> = {};
  for (const [run, figures] of Object.entries(runs))
    for (const [name, figure] of Object.entries(figures)) (table[name] ??= {})[run] = figure;
  return table;
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

export const median = (values: readonly number[]): number => percentile(values, 0.5);

/** `p50 / p99`, in ms. */
export function spreadOf(times: readonly number[]): string {
  return `${percentile(times, 0.5).toFixed(2)} / ${percentile(times, 0.99).toFixed(2)}`;
}

/** A field of a file of /proc/<pid>, such as `VmHWM` of `status`, in MB. */
export function memoryMb(pid: number, field: string, file: 'status' | 'smaps_rollup' = 'status'): number {
  const found = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readProc(`${pid}/${file}`));
  return (Number(found?.[1] ?? 0) * 1024) / 1e6;
}

/** Clock ticks of proc(5) are hundredths of a second on every Linux that Node is built for. */
const TICK_MS = 10;

/** Processor time of a process so far, or of one of its threads, in ms. */
export function processorMs(pid: number, thread?: number): number {
  const stat = readProc(thread === undefined ? `${pid}/stat` : `${pid}/task/${thread}/stat`);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** The processes that `pid` started, and theirs. */
export function childrenOf(pid: number): number[] {
  const children = listThreads(pid)
    .flatMap((thread) => readProc(`${pid}/task/${thread}/children`).trim().split(' '))
    .filter(Boolean)
    .map(Number);
  return [...children, ...children.flatMap(childrenOf)];
}

/** Processes come and go while they are looked at; one that went has nothing to tell. */
function readProc(path: string): string {
  try {
    return readFileSync(`/proc/${path}`, 'utf8');
  } catch {
    return '';
  }
}

function listThreads(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}
