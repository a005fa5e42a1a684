import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll } from 'vitest';
import type { SourceFile } from '../../src/document.ts';
import { createLog } from '../../src/log.ts';
import { createExtractor, type Extractor, type ExtractorOptions } from '../../src/processors/pool.ts';

export const quiet = createLog({ level: 'silent', secrets: [] });

export function fixture(name: string): SourceFile {
  return sourceFile(new URL(`../fixtures/${name}`, import.meta.url).pathname);
}

export function sourceFile(path: string): SourceFile {
  return { path, name: basename(path), bytes: statSync(path).size };
}

/** Writes files into a folder that goes away after the test file. */
export function createFolder(): (name: string, data: string | Uint8Array) => SourceFile {
  const folder = mkdtempSync(join(tmpdir(), 'limner-processors-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return (name, data) => {
    const path = join(folder, name);
    writeFileSync(path, data);
    return sourceFile(path);
  };
}

/** An extractor that is closed after the test file. */
export function createPool(options: Partial<ExtractorOptions> = {}): Extractor {
  const defaults = {
    size: 2,
    timeoutMs: 15_000,
    memoryMb: 512,
    residentMb: 1500,
    idleMs: 60_000,
    log: quiet,
  };
  const pool = createExtractor({ ...defaults, ...options });
  afterAll(() => pool.close());
  return pool;
}

/** The reading processes that this process has started and that still run. */
export function readingProcesses(parent: number = process.pid): number[] {
  const ids = readdirSync('/proc').map(Number).filter(Number.isInteger);
  return ids.filter(
    (id) => parentOf(id) === parent && procFile(id, 'cmdline').includes('processors/child.ts'),
  );
}

function parentOf(id: number): number {
  // proc(5), stat: the fields after the program's name in parentheses are state and parent.
  const stat = procFile(id, 'stat');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

/** A file of a process that may have ended in the meantime, then nothing. */
export function procFile(id: number, name: string): string {
  try {
    return readFileSync(`/proc/${id}/${name}`, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH'))
      return '';
    throw error;
  }
}
