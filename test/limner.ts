import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { NO_OLLAMA } from './service.ts';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

export interface Run {
  code: number;
  out: string;
  err: string;
}

/** The command line as its users call it, in `folder`. */
export function limner(folder: string, env: Record<string, string>, ...args: string[]): Promise<Run> {
  return new Promise((resolve) => {
    const options = { cwd: folder, env: { PATH: process.env['PATH'], OLLAMA_HOST: NO_OLLAMA, ...env } };
    execFile(process.execPath, [MAIN, ...args], options, (error, out, err) =>
      resolve({ code: error ? Number(error.code) : 0, out, err }),
    );
  });
}
