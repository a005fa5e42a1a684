import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, expect, test } from 'vitest';
import { startBench } from '../api/setup.ts';
import { NO_OLLAMA, removeFolder, startService, temporaryFolder } from '../service.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const folder = await temporaryFolder();
afterAll(() => removeFolder(folder));

/** What a command prints; rejects when it fails. */
async function limner(env: Record<string, string>, ...args: string[]): Promise<string> {
  const options = { cwd: folder, env: { PATH: process.env['PATH'], OLLAMA_HOST: NO_OLLAMA, ...env } };
  return (await promisify(execFile)(process.execPath, [MAIN, ...args], options)).stdout;
}

const EXPOSED = { LIMNER_HOST: '0.0.0.0' };

test('it is not served to other machines without a key, and is with one that was made here', async () => {
  await expect(startService(folder, EXPOSED)).rejects.toThrow(/a key is needed: make one with/);
  const key = (await limner({}, 'keys', 'add', 'somebody', '--scope', 'admin')).trim();
  const service = await startService(folder, EXPOSED);
  try {
    const url = `http://127.0.0.1:${new URL(service.url).port}`;
    expect((await fetch(`${url}/v1/models`)).status).toBe(401);
    const port = { LIMNER_PORT: new URL(url).port };
    await expect(limner(port, 'status')).rejects.toThrow(/set LIMNER_KEY, or give --key/);
    for (const [env, args] of [
      [{ LIMNER_KEY: key }, []],
      [{ LIMNER_KEY: 'wrong' }, ['--key', key]],
      [{}, [`--key=${key}`]],
    ] as const)
      expect(await limner({ ...port, ...env }, 'status', ...args)).toContain('The service runs at');
    // The last key is gone: who reached it before reaches nothing now.
    await limner({}, 'keys', 'revoke', /^lim_([0-9a-f]+)_/.exec(key)?.[1] ?? '');
    expect((await fetch(`${url}/v1/models`)).status).toBe(401);
  } finally {
    await service.stop();
  }
});

test('a command without a running service needs no key, whatever keys there are', async () => {
  await limner({}, 'keys', 'add', 'another');
  expect(await limner({ LIMNER_PORT: '59125' }, 'status')).toContain('The service is not running');
});

test('whatever it is called, a request from elsewhere finds nothing open', async () => {
  const bench = await startBench({ ...EXPOSED });
  for (const host of ['localhost', '127.0.0.1', '192.168.1.5', 'limner.example'])
    expect((await bench.get('/v1/models', { host })).statusCode, host).toBe(401);
});
