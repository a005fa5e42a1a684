import { execFile } from 'node:child_process';
import { cp, mkdir, open, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { removeFolder, startService, temporaryFolder, type Document, type Service } from './service.ts';
import { until } from './until.ts';

const fixture = (name: string): string => fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url));
const MEGABYTE = 1024 * 1024;

/** Names that are awkward for shells, pages and logs. */
const NAMES = [
  'with space.txt',
  `quote"and'apostrophe.txt`,
  'emoji 🦦.txt',
  'line\nbreak.txt',
  '-rf.txt',
  '%2e%2e.txt',
];

const Hits = z.object({
  hits: z.array(z.object({ document: z.object({ uri: z.string() }), text: z.string() })),
});

describe('bad input', () => {
  let folder: string;
  let service: Service;
  let documents: Map<string, Document>;

  beforeAll(async () => {
    folder = await temporaryFolder();
    service = await startService(folder, { LIMNER_LOG_LEVEL: 'debug' });
    await writeFile(join(folder, 'secret.txt'), 'The password is swordfish-outside.');
    await dropEverything(service.inbox, folder);
    documents = await service.quiet(COUNT, 60_000);
  }, 90_000);

  afterAll(async () => {
    await service.stop();
    await removeFolder(folder);
  });

  it.each([
    ['empty.txt', 'empty', undefined],
    ['truncated.pdf', 'failed', 'corrupt'],
    ['encrypted.pdf', 'failed', 'encrypted'],
    ['picture-named.pdf', 'empty', undefined],
    ['outside.txt', 'failed', 'outside'],
    ['inside.txt', 'failed', 'not_regular'],
    ['pipe.txt', 'failed', 'not_regular'],
    ['noise.bin', 'failed', 'unsupported'],
  ])('%s ends as %s with the reason %s', (uri, state, code) => {
    const document = documents.get(uri);
    expect(document).toMatchObject({ uri, state });
    expect(document?.error?.code).toBe(code);
    if (code !== undefined) expect(document?.error?.message).toMatch(/^[A-Z].*\.$/s);
  });

  it.each(NAMES)('makes %j searchable under its name', async (name) => {
    expect(documents.get(name)?.state).toBe('searchable');
    const response = await service.post('/api/search', { query: `marker${NAMES.indexOf(name)}word` });
    const { hits } = Hits.parse(await response.json());
    expect(hits.map(({ document }) => document.uri)).toEqual([name]);
  });

  it('reads 60 MB of text as far as its limit, and says so', () => {
    const document = documents.get('huge.txt');
    expect(document).toMatchObject({ state: 'searchable' });
    expect(document?.warnings.join(' ')).toMatch(/20[ ,.]?000[ ,.]?000|20 million/);
  });

  it('never shows what a link points at outside the inbox', async () => {
    const response = await service.post('/api/search', { query: 'swordfish-outside' });
    expect(JSON.stringify(await response.json())).not.toContain('swordfish');
    const file = await service.get(`/api/documents/${documents.get('outside.txt')?.id}/file`);
    expect(file.status).toBeGreaterThanOrEqual(400);
  });

  it('copes with a file that vanishes while it is read', async () => {
    for (let round = 0; round < 20; round++) {
      const path = join(service.inbox, `fleeting-${round}.txt`);
      await writeFile(path, 'here and gone. '.repeat(20_000));
      await service.post('/webhooks/process', { filepath: `fleeting-${round}.txt` });
      await rm(path);
    }
    const all = await service.quiet(COUNT);
    for (const [uri, { state }] of all) if (uri.startsWith('fleeting')) expect(state).toBe('gone');
    const { hits } = Hits.parse(await (await service.post('/api/search', { query: 'here and gone' })).json());
    expect(hits.filter(({ document }) => document.uri.startsWith('fleeting'))).toEqual([]);
  });

  it('reads a file again when it was mended', async () => {
    await cp(fixture('sample.pdf'), join(service.inbox, 'truncated.pdf'));
    await until(
      async () =>
        (await service.documents()).find(({ uri }) => uri === 'truncated.pdf')?.state === 'searchable',
      'the mended file to be searchable',
    );
  });

  it('stayed up, and logged one line per event', async () => {
    expect((await service.get('/healthz')).status).toBe(200);
    expect(service.process.exitCode).toBeNull();
    for (const line of service.log().trim().split('\n')) expect(() => JSON.parse(line)).not.toThrow();
  });
});

const COUNT = 9 + NAMES.length;

async function dropEverything(inbox: string, outside: string): Promise<void> {
  await mkdir(inbox, { recursive: true });
  await writeFile(join(inbox, 'empty.txt'), '');
  const pdf = await readFile(fixture('sample.pdf'));
  await writeFile(join(inbox, 'truncated.pdf'), pdf.subarray(0, pdf.length / 2));
  for (const name of ['encrypted.pdf', 'picture-named.pdf']) await cp(fixture(name), join(inbox, name));
  for (const [at, name] of NAMES.entries())
    await writeFile(join(inbox, name), `It holds marker${at}word alone.`);
  await symlink(join(outside, 'secret.txt'), join(inbox, 'outside.txt'));
  await symlink(join(inbox, 'with space.txt'), join(inbox, 'inside.txt'));
  await promisify(execFile)('mkfifo', [join(inbox, 'pipe.txt')]);
  await writeFile(join(inbox, 'noise.bin'), Buffer.from([0, 1, 2, 3, 255, 254, 0, 17, 8, 0, 0, 9]));
  await writeHuge(join(inbox, 'huge.txt'), 60 * MEGABYTE);
}

async function writeHuge(path: string, bytes: number): Promise<void> {
  const handle = await open(path, 'w');
  const line = `${'The quick brown fox jumps over the lazy dog by the river bank. '.repeat(4)}\n\n`;
  const block = line.repeat(Math.floor(MEGABYTE / line.length));
  for (let written = 0; written < bytes; written += block.length) await handle.write(block);
  await handle.close();
}
