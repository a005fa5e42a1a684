import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listen, stopListening } from './fakes/listen.ts';
import { limner, type Run } from './limner.ts';
import { removeFolder, startService, temporaryFolder, type Service } from './service.ts';

const fixture = (name: string): string => fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url));

/** A port that nothing uses, so that a command finds no running service. */
const CLOSED_PORT = '59124';

describe.each(['alone', 'beside the running service'])('the command line %s', (way) => {
  let folder: string;
  let service: Service | undefined;
  let env: Record<string, string>;
  const run = (...args: string[]): Promise<Run> => limner(folder, env, ...args);

  beforeAll(async () => {
    folder = await temporaryFolder();
    await mkdir(join(folder, 'inbox'));
    if (way !== 'alone') service = await startService(folder);
    env = { LIMNER_PORT: service ? new URL(service.url).port : CLOSED_PORT };
  });

  afterAll(async () => {
    await service?.stop();
    await removeFolder(folder);
  });

  it('reads files from elsewhere, and says which it could not read and why', async () => {
    const { code, out } = await run('ingest', fixture('sample.pdf'), fixture('encrypted.pdf'));
    expect(code).toBe(1);
    expect(out).toContain('1 of 2 searchable');
    expect(out).toContain('locked with a password');
  });

  it('reads a folder of the inbox where it lies', async () => {
    await mkdir(join(folder, 'inbox', 'rules'), { recursive: true });
    await cp(fixture('sample.md'), join(folder, 'inbox', 'rules', 'sample.md'));
    const { code, out } = await run('ingest', join(folder, 'inbox', 'rules'));
    expect({ code, out }).toEqual({ code: 0, out: '1 of 1 searchable\n' });
  });

  it('searches', async () => {
    const { code, out } = await run('search', 'bell', 'boathouse');
    expect(code).toBe(0);
    expect(out.split('\n')[0]).toMatch(/^1\. .*sample\.pdf, page 3 \(words #1\)$/);
    expect(await run('search', 'zyzzyva')).toMatchObject({ code: 1, out: 'Nothing fits.\n' });
  });

  it('asks', async () => {
    const { code, out } = await run('ask', 'How many hens may members keep?');
    expect(code).toBe(0);
    expect(out).toContain('six hens');
    expect(out).toMatch(/\n\[1\] rules\/sample\.md/);
  });

  it('tells the status', async () => {
    const { code, out } = await run('status');
    expect(code).toBe(0);
    expect(out).toContain(way === 'alone' ? 'is not running' : 'The service runs at');
    expect(out).toMatch(/documents {2}1 failed, 2 searchable/);
  });

  it('tells where the passages are', async () => {
    const { code, out } = await run('store');
    expect(code).toBe(0);
    expect(out).toMatch(/^embedded: ready\n\d+ passages, 0 with a vector\n$/);
  });

  it('says that there are no keys', async () => {
    expect(await run('keys', 'list')).toEqual({
      code: 0,
      out: '',
      err: expect.stringContaining('There are no keys'),
    });
  });

  it('looks for what is wrong', async () => {
    const { code, out, err } = await run('doctor');
    // What it finds is told once.
    expect(err).toBe('');
    expect(code).toBe(0);
    expect(out).toContain('✓ Node 24');
    expect(out).toContain('Ollama does not answer');
    expect(out).toContain(way === 'alone' ? 'is not running' : '✓ the service answers');
  });
});

describe('the command line', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await temporaryFolder();
  });
  afterAll(() => removeFolder(folder));

  it('explains itself', async () => {
    expect(await limner(folder, {}, 'help')).toMatchObject({
      code: 0,
      out: expect.stringContaining('usage:'),
    });
    const unknown = await limner(folder, {}, 'frobnicate');
    expect(unknown).toMatchObject({
      code: 2,
      err: expect.stringContaining('There is no command "frobnicate"'),
    });
    const misused = await limner(folder, {}, 'store', 'move', '--too', 'qdrant');
    expect(misused).toMatchObject({
      code: 1,
      err: expect.stringContaining("limner: Unknown option '--too'"),
    });
    expect(misused.err).not.toContain('    at ');
  });

  it('ends quietly when nobody reads on, as with head', async () => {
    const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
    const child = spawn(process.execPath, [main, 'help'], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.destroy();
    const [err, [code]] = await Promise.all([text(child.stderr), once(child, 'close')]);
    expect({ err, code }).toEqual({ err: '', code: 0 });
  });

  it('has every command in README.md', async () => {
    const { out } = await limner(folder, {}, 'help');
    const shown = new Set([...out.matchAll(/^ {2}(\w+)/gm)].map(([, name]) => name));
    const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
    const [, section = ''] = /## Commands\n([^]*?)\n## /.exec(readme) ?? [];
    expect(new Set([...section.matchAll(/^\| `(\w+)/gm)].map(([, name]) => name))).toEqual(shown);
  });

  it('lists every wrong setting at once, and starts nothing', async () => {
    const { code, err } = await limner(
      folder,
      { LIMNER_PORT: 'many', LIMNER_HOST: '0.0.0.0', LIMNER_SCAN_SECONDS: '-1' },
      'serve',
    );
    expect(code).toBe(1);
    expect(err).toContain('LIMNER_PORT');
    expect(err).toContain('LIMNER_SCAN_SECONDS');
  });

  it('reads settings from .env', async () => {
    await writeFile(join(folder, '.env'), 'LIMNER_HOST=0.0.0.0\n');
    const { code, err } = await limner(folder, {}, 'serve');
    expect({ code, refused: err.includes('LIMNER_API_KEYS') }).toEqual({ code: 1, refused: true });
  });

  it('has the doctor tell of a data folder that cannot be made, and of a stranger on the port', async () => {
    await writeFile(join(folder, 'a-file'), '');
    const stranger = createServer((_request, response) => response.end('<html>'));
    const port = String(await listen(stranger, 0));
    const { code, out } = await limner(
      folder,
      { LIMNER_DATA: join(folder, 'a-file', 'data'), LIMNER_HOST: '127.0.0.1', LIMNER_PORT: port },
      'doctor',
    );
    await stopListening(stranger);
    expect(code).toBe(1);
    expect(out).toContain('✗ data folder');
    expect(out).toContain('✗ something else answers');
  });

  it('refuses a second service on one data folder, naming the first', async () => {
    const own = await temporaryFolder();
    const service = await startService(own);
    const { code, err } = await limner(own, { LIMNER_PORT: '0' }, 'serve');
    expect(code).toBe(1);
    expect(err).toContain(`process ${service.process.pid}`);
    expect(await service.stop()).toBe(0);
    await removeFolder(own);
  });
});
