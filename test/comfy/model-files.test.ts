import { createHash, randomBytes } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fetchModel, type FetchModelOptions } from '../../src/comfy/model-files.ts';

const BYTES = randomBytes(50_000);
const SHA256 = createHash('sha256').update(BYTES).digest('hex');
const signal = AbortSignal.timeout(20_000);

let folder: string;
let url: string;
let ranges: (string | undefined)[];
let answer: (response: ServerResponse, from: number) => void;

const whole = (response: ServerResponse, from: number): void => {
  const part = BYTES.subarray(from);
  response.writeHead(from > 0 ? 206 : 200, { 'content-length': part.length });
  response.end(part);
};

const server = createServer((request, response) => {
  ranges.push(request.headers.range);
  answer(response, Number(/=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0));
});

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'limner-models-'));
  ranges = [];
  answer = whole;
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/model`;
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true });
});

const model = (more: object = {}) => ({
  folder: 'loras',
  name: 'sub/a.safetensors',
  url,
  sha256: SHA256,
  ...more,
});
const bring = (more: object = {}, options: Partial<FetchModelOptions> = {}) =>
  fetchModel(model(more), { folder, hosts: ['127.0.0.1'], protocol: 'http:', ...options }, signal);
const file = (end = ''): string => join(folder, 'loras', `sub/a.safetensors${end}`);

test('a model is fetched, checked and put in its place once', async () => {
  const seen: number[] = [];
  expect(await bring({}, { onProgress: (bytes) => seen.push(bytes) })).toBe('fetched');
  expect(await readFile(file())).toEqual(BYTES);
  expect(seen.at(-1)).toBe(BYTES.length);
  expect(await bring()).toBe('present');
  expect(ranges).toHaveLength(1);
});

test('a download that breaks off is taken up where it broke', async () => {
  answer = (response) => {
    response.writeHead(200, { 'content-length': BYTES.length });
    response.write(BYTES.subarray(0, 20_000));
  };
  await expect(bring({}, { onProgress: () => server.closeAllConnections() })).rejects.toMatchObject({
    code: 'fetch_failed',
  });
  const { size } = await stat(file('.part'));
  expect(size).toBeGreaterThan(0);
  answer = whole;
  expect(await bring()).toBe('fetched');
  expect(ranges[1]).toBe(`bytes=${size}-`);
  expect(await readFile(file())).toEqual(BYTES);
});

test('a part that is whole is only checked', async () => {
  await mkdir(join(folder, 'loras/sub'), { recursive: true });
  await writeFile(file('.part'), BYTES);
  answer = (response) => {
    response.writeHead(416);
    response.end();
  };
  expect(await bring()).toBe('fetched');
});

test('a host that sends nothing is given up', async () => {
  answer = (response) => response.writeHead(200).flushHeaders();
  await expect(bring({}, { idleMs: 50 })).rejects.toMatchObject({ code: 'fetch_failed' });
});

test.each([
  [{ sha256: '0'.repeat(64) }, {}, 'corrupt'],
  [{ size: 7 }, {}, 'corrupt'],
  [{}, { maxBytes: 100 }, 'too_large'],
  [{}, { hosts: ['example.org'] }, 'outside'],
  [{}, { protocol: 'https:' as const }, 'outside'],
])('%j %j is refused', async (more, options, code) => {
  await expect(bring(more, options)).rejects.toMatchObject({ code });
  await expect(stat(file())).rejects.toThrow('ENOENT');
});

test('a redirect to a host that is not allowed is not followed', async () => {
  answer = (response) => {
    response.writeHead(302, { location: url.replace('127.0.0.1', 'localhost') });
    response.end();
  };
  await expect(bring()).rejects.toMatchObject({ code: 'outside' });
});

test('a model without a checksum is brought only where that is allowed', async () => {
  await expect(bring({ sha256: undefined })).rejects.toMatchObject({ code: 'invalid_request' });
  expect(ranges).toEqual([]);
  expect(await bring({ sha256: undefined }, { allowUnverified: true })).toBe('fetched');
});
