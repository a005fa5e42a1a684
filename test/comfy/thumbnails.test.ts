import { execFile } from 'node:child_process';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fastify } from 'fastify';
import { afterEach, describe, expect, test } from 'vitest';
import { imageRoutes } from '../../src/api/images.ts';
import { createThumbnailer, THUMBNAILER } from '../../src/comfy/thumbnailer.ts';
import { makePng } from '../fakes/comfyui-nodes.ts';
import { bed, fakeComfy } from './bed.ts';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function made(width: number) {
  const fake = await fakeComfy();
  const shop = await bed([fake]);
  const job = await shop.run('plain', { width });
  return { shop, job, id: job.outputs[0]?.id ?? '' };
}

async function isWebp(path: string): Promise<boolean> {
  const bytes = await readFile(path);
  return bytes.toString('latin1', 0, 4) === 'RIFF' && bytes.toString('latin1', 8, 12) === 'WEBP';
}

describe('a thumbnail', () => {
  test('is made once and kept, in the next of a few sizes', async () => {
    const { shop, id } = await made(512);
    const one = await shop.images.thumbnail(id, 100);
    expect(one).toMatchObject({ size: 128, mime: 'image/webp' });
    expect(await isWebp(one.path)).toBe(true);
    const since = await stat(one.path, { bigint: true });
    const again = await shop.images.thumbnail(id, 128);
    expect(again.path).toBe(one.path);
    expect((await stat(again.path, { bigint: true })).ino).toBe(since.ino);
    expect((await shop.images.thumbnail(id, 1024)).path).not.toBe(one.path);
  });

  test('that many ask for at once is made once', async () => {
    const { shop, id } = await made(64);
    const all = await Promise.all(Array.from({ length: 20 }, () => shop.images.thumbnail(id, 64)));
    const inodes = await Promise.all(all.map(async ({ path }) => (await stat(path)).ino));
    expect(new Set(inodes).size).toBe(1);
  });

  test('goes with the job that made its picture', async () => {
    const { shop, job, id } = await made(64);
    const { path } = await shop.images.thumbnail(id, 64);
    await shop.images.remove(job.id);
    await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('is sent with an ETag of its own and in ranges, in one size of a few', async () => {
    const { shop, id } = await made(512);
    const server = fastify();
    cleanups.push(() => server.close());
    imageRoutes(server, { pictures: shop.images });
    const get = (query: string, headers = {}) => server.inject({ url: `/media/${id}${query}`, headers });
    const small = await get('?size=200');
    expect(small.headers).toMatchObject({
      'content-type': 'image/webp',
      etag: `"${id}-256"`,
      'cache-control': expect.stringContaining('immutable'),
      'content-length': String(small.rawPayload.length),
    });
    const etag = String(small.headers.etag);
    expect((await get('?size=200', { 'if-none-match': etag })).statusCode).toBe(304);
    expect((await get('', { 'if-none-match': etag })).statusCode).toBe(200);
    const part = await get('?size=256', { range: 'bytes=0-3' });
    expect([part.statusCode, part.body]).toEqual([206, 'RIFF']);
    expect((await get('?size=63')).statusCode).not.toBe(200);
    expect((await get('?size=1025')).statusCode).not.toBe(200);
  });

  test('is there of pictures only', async () => {
    const shop = await bed([await fakeComfy()]);
    const { outputs } = await shop.run('kinds');
    for (const { id, kind } of outputs.filter((one) => !['image', 'animation'].includes(one.kind)))
      await expect(shop.images.thumbnail(id, 64), kind).rejects.toMatchObject({ code: 'not_found' });
    expect(outputs.map(({ kind }) => kind)).toContain('video');
  });
});

describe('the process that makes them', () => {
  async function thumbnailer(options: Partial<typeof THUMBNAILER> = {}) {
    const { shop } = await made(64);
    const maker = createThumbnailer({ ...THUMBNAILER, ...options });
    cleanups.push(maker.close);
    const file = async (name: string, bytes: Buffer): Promise<string> => {
      const path = join(shop.folder, name);
      await writeFile(path, bytes);
      return path;
    };
    return { maker, good: await file('good.png', makePng(32, 32, 1, '')), file };
  }

  test('refuses a picture that unpacks to too much before it unpacks it', async () => {
    const { maker, good, file } = await thumbnailer();
    const bomb = makePng(32, 32, 1, '');
    bomb.writeUInt32BE(60_000, 16);
    bomb.writeUInt32BE(60_000, 20);
    await expect(maker.shrink(await file('bomb.png', bomb), 64)).rejects.toMatchObject({ code: 'limit' });
    expect((await maker.shrink(good, 64)).length).toBeGreaterThan(20);
  });

  test('says of what is no picture that it is none, and goes on', async () => {
    const { maker, good, file } = await thumbnailer();
    const cut = makePng(32, 32, 1, '').subarray(0, 40);
    for (const bytes of [
      cut,
      Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>x'),
      Buffer.alloc(0),
    ]) {
      const path = await file('bad.png', bytes);
      await expect(maker.shrink(path, 64)).rejects.toMatchObject({ code: 'corrupt' });
    }
    expect((await maker.shrink(good, 64)).length).toBeGreaterThan(20);
  });

  test.runIf(process.platform !== 'win32')(
    'is ended when it takes too long, and the next picture gets another',
    async () => {
      const { maker, good, file } = await thumbnailer({ timeoutMs: 2000 });
      const endless = `${await file('endless', Buffer.alloc(0))}.pipe`;
      await promisify(execFile)('mkfifo', [endless]);
      await expect(maker.shrink(endless, 64)).rejects.toMatchObject({ code: 'timeout' });
      expect((await maker.shrink(good, 64)).length).toBeGreaterThan(20);
    },
  );

  test.runIf(process.platform === 'linux')('is ended when it takes too much memory', async () => {
    const { maker, good } = await thumbnailer({ residentMb: 1 });
    await expect(maker.shrink(good, 64)).rejects.toMatchObject({ code: 'limit' });
  });
});
