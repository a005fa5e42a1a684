import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { documentIn, errorIn, startBench } from './setup.ts';

const bench = await startBench();

const process = (filepath: string) => bench.post('/webhooks/process', { filepath });

describe('a file of the inbox is read at once', () => {
  test.each(['notes/a.txt', './notes/a.txt', 'notes//a.txt', 'notes/../notes/a.txt', 'ABSOLUTE'])(
    '%s',
    async (path) => {
      await bench.drop('notes/a.txt', 'The lamp is lit.');
      const response = await process(path === 'ABSOLUTE' ? join(bench.inbox, 'notes/a.txt') : path);
      expect(response.statusCode).toBe(202);
      expect(await bench.done(documentIn(response).id)).toMatchObject({
        uri: 'notes/a.txt',
        collection: 'notes',
        state: 'searchable',
      });
      expect((await bench.list('collection=notes')).data).toHaveLength(1);
    },
  );
});

describe('outside of the inbox nothing is read', () => {
  test.each([
    '..',
    '../secret.txt',
    'notes/../../secret.txt',
    '/etc/passwd',
    '/proc/self/environ',
    '.',
    '/',
    'a\u0000b',
    '/etc/passwd\u0000.txt',
  ])('%j is refused', async (path) => {
    expect(errorIn(await process(path))).toEqual({ status: 403, code: 'outside', param: 'filepath' });
  });

  test('a folder beside it whose name begins alike', async () => {
    expect(errorIn(await process(`${bench.inbox}-private/a.txt`))).toMatchObject({ code: 'outside' });
  });

  test('labels that only look like paths are names that are absent', async () => {
    for (const path of [
      '%2e%2e/x',
      'x/%2e%2e%2fx',
      'x\\..\\x',
      '\\\\host\\share',
      'C:\\x',
      '%c0%ae/x',
      'CON',
    ])
      expect(errorIn(await process(path)), path).toMatchObject({ status: 404, param: 'filepath' });
  });

  test('a link out of it is listed as failed, a way through one is absent, and the text is nowhere', async () => {
    const secret = join(bench.folder, 'secret');
    await mkdir(secret, { recursive: true });
    await writeFile(join(secret, 'secret.txt'), 'The password is swordfish.');
    await mkdir(bench.inbox, { recursive: true });
    await symlink(join(secret, 'secret.txt'), join(bench.inbox, 'link.txt'));
    await symlink(secret, join(bench.inbox, 'folder'));
    const { id } = documentIn(await process('link.txt'));
    expect(await bench.done(id)).toMatchObject({ state: 'failed', error: { code: 'outside' }, chunks: 0 });
    expect((await bench.get(`/documents/${id}`)).body).not.toContain('swordfish');
    expect((await bench.get(`/api/documents/${id}/file`)).body).not.toContain('swordfish');
    expect(errorIn(await process('folder/secret.txt'))).toMatchObject({ status: 404, code: 'not_found' });
    expect((await bench.post('/api/search', { query: 'password swordfish' })).json()).toMatchObject({
      hits: [],
    });
  });
});

describe('what is no document is refused with its reason', () => {
  test.each(['.hidden.txt', 'a/.git/config', 'half.part', '~$letter.docx', 'node_modules/a/readme.md'])(
    '%s is ignored',
    async (path) => {
      await bench.drop(path, 'x');
      const response = await process(path);
      expect(errorIn(response)).toEqual({ status: 400, code: 'invalid_request', param: 'filepath' });
      expect(response.body).toContain('is ignored: it is');
    },
  );

  test.each(['absent.txt', 'notes', 'notes/', 'notes/a.txt/b'])('%s is absent', async (path) => {
    expect(errorIn(await process(path))).toEqual({ status: 404, code: 'not_found', param: 'filepath' });
  });

  test('a name that is longer than the file system takes is absent', async () => {
    const response = await process(`${'x'.repeat(300)}.txt`);
    expect(errorIn(response)).toEqual({ status: 404, code: 'not_found', param: 'filepath' });
  });

  test('a path of more than 4096 characters', async () => {
    expect(errorIn(await process('x/'.repeat(3000)))).toMatchObject({ status: 400, param: 'filepath' });
  });
});

describe("what was sent can be replaced and taken away by the sender's own name", () => {
  test('external_id', async () => {
    const send = (body: object) => bench.post('/webhooks/process', body);
    const first = documentIn(
      await send({ text: 'Draft of the will.', external_id: 'will-1', metadata: { year: 1901 } }),
    );
    expect(await bench.done(first.id)).toMatchObject({ state: 'searchable', metadata: { year: 1901 } });
    const second = documentIn(await send({ text: 'The last will.', external_id: 'will-1' }));
    expect(second.id).toBe(first.id);
    expect(await bench.done(first.id)).toMatchObject({ revision: 2, metadata: { year: 1901 } });
    expect((await send({ delete: true, external_id: 'will-1' })).statusCode).toBe(202);
    expect(await bench.done(first.id)).toMatchObject({ state: 'gone', chunks: 0 });
    expect(errorIn(await send({ delete: true, external_id: 'will-2' }))).toMatchObject({
      status: 404,
      param: 'external_id',
    });
    expect(errorIn(await send({ delete: false, external_id: 'will-1' }))).toMatchObject({ status: 400 });
  });

  test('a file in a form', async () => {
    const form = new FormData();
    form.set('external_id', 'letter-1');
    form.set('tags', 'paper, ink');
    form.set('file', new File(['Dear clerk, the tide is late.'], '../../letter.txt'));
    const sent = new Response(form);
    const response = await bench.app.server.inject({
      method: 'POST',
      url: '/webhooks/process',
      headers: { 'content-type': sent.headers.get('content-type') ?? '' },
      payload: Buffer.from(await sent.arrayBuffer()),
    });
    expect(response.statusCode).toBe(202);
    expect(await bench.done(documentIn(response).id)).toMatchObject({
      uri: 'letter-1',
      title: 'letter.txt',
      tags: ['paper', 'ink'],
      state: 'searchable',
    });
  });

  test.each([
    ['no boundary', 'multipart/form-data', 'x'],
    [
      'cut short',
      'multipart/form-data; boundary=x',
      '--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\nabc',
    ],
    [
      'without a file',
      'multipart/form-data; boundary=x',
      '--x\r\ncontent-disposition: form-data; name="title"\r\n\r\nabc\r\n--x--\r\n',
    ],
  ])('a form %s is refused', async (_what, type, payload) => {
    const response = await bench.app.server.inject({
      method: 'POST',
      url: '/webhooks/process',
      headers: { 'content-type': type },
      payload,
    });
    expect(errorIn(response)).toMatchObject({ status: 400, code: 'invalid_request' });
  });
});
