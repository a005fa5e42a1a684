import { execFile, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { startBench } from './api/setup.ts';

const KEY = 'the-key-of-the-examples';
const bench = await startBench({ LIMNER_API_KEYS: KEY });
const address = await bench.app.server.listen({ host: '127.0.0.1', port: 0 });

const here = (program: string): boolean => spawnSync(program, ['--version']).error === undefined;

for (const [program, command, file] of [
  [process.execPath, process.execPath, 'ask.ts'],
  ['python3', 'python3', 'ask.py'],
  ['curl', 'sh', 'ask.sh'],
] as const)
  test.skipIf(!here(program))(`examples/${file} sends, and finds what it sent`, async () => {
    const path = fileURLToPath(new URL(`../examples/${file}`, import.meta.url));
    const env = { ...process.env, LIMNER_URL: address, LIMNER_KEY: KEY };
    const output = async (): Promise<string> => (await promisify(execFile)(command, [path], { env })).stdout;
    await expect.poll(output).toContain('The heron stands in the reeds.');
  });
