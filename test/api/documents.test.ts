import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { documentIn, errorIn, startBench } from './setup.ts';

const bench = await startBench();

async function search(query: string): Promise<string[]> {
  const response = await bench.post('/api/search', { query });
  const { hits } = response.json<{ hits: { text: string }[] }>();
  return hits.map(({ text }) => text);
}

async function fromInbox(path: string, content: string) {
  await bench.drop(path, content);
  return bench.done(documentIn(await bench.post('/webhooks/process', { filepath: path })).id);
}

describe('the list', () => {
  test('is paged by a cursor: every document once, in one order', async () => {
    for (let at = 0; at < 7; at++)
      await bench.send({ text: `paged ${at}`, external_id: `paged/${at}`, collection: 'paged' });
    const found: string[] = [];
    let cursor = '';
    for (let pages = 0; pages < 10; pages++) {
      const page = await bench.list(`collection=paged&limit=3${cursor}`);
      found.push(...page.data.map(({ uri }) => uri));
      if (page.next_cursor === null) break;
      expect(page.data).toHaveLength(3);
      cursor = `&cursor=${page.next_cursor}`;
    }
    expect(found.toSorted()).toEqual(Array.from({ length: 7 }, (_, at) => `paged/${at}`));
  });

  test('a full last page has no next one', async () => {
    const page = await bench.list('collection=paged&limit=7');
    expect(page.data).toHaveLength(7);
    expect(page.next_cursor).toBeNull();
  });

  test('is filtered by collection and state', async () => {
    await fromInbox('states/empty.txt', '');
    expect((await bench.list('status=empty')).data.map(({ uri }) => uri)).toEqual(['states/empty.txt']);
    expect((await bench.list('collection=states&status=searchable')).data).toEqual([]);
    expect((await bench.list('collection=nowhere')).data).toEqual([]);
  });

  test.each(['limit=0', 'limit=1001', 'limit=ten', 'status=lost', 'unknown=1', `cursor=${'x'.repeat(65)}`])(
    'refuses %s',
    async (query) => {
      expect(errorIn(await bench.get(`/api/documents?${query}`))).toMatchObject({
        status: 400,
        param: query.split('=', 1)[0],
      });
    },
  );

  test('shows nothing of how the ledger works inside', async () => {
    const [document] = (await bench.list()).data;
    expect(Object.keys(document ?? {})).not.toContain('path');
    expect(Object.keys(document ?? {})).not.toContain('signature');
  });
});

describe('a document that was sent as text', () => {
  test('is accepted, and found when it is done', async () => {
    const response = await bench.post('/api/documents', {
      text: 'The heron nests by the weir.',
      title: 'Birds',
      collection: 'nature',
      external_id: 'birds-1',
    });
    expect(response.statusCode).toBe(202);
    const document = await bench.done(documentIn(response).id);
    expect(document).toMatchObject({
      uri: 'birds-1',
      title: 'Birds',
      collection: 'nature',
      state: 'searchable',
    });
    expect(await search('heron')).toEqual(['The heron nests by the weir.']);
  });

  test('is replaced by its external_id', async () => {
    const first = await bench.send({ text: 'The otter swims.', external_id: 'otter' });
    const second = await bench.send({ text: 'The badger digs.', external_id: 'otter' });
    expect(second).toMatchObject({ id: first.id, revision: 2 });
    expect(await search('otter swims')).not.toContain('The otter swims.');
    expect(await search('badger')).toContain('The badger digs.');
  });

  test('without a title is called by its first line', async () => {
    expect(await bench.send({ text: '\n  Shopping\nmilk' })).toMatchObject({ title: 'Shopping' });
  });

  test('of white space only still has a name', async () => {
    expect((await bench.send({ text: ' \n ' })).title).not.toBe('');
  });

  test.each(['', '..', '.', 'a/b', 'a\\b', 'x'.repeat(101), 'a\nb'])(
    'is refused in the collection %j',
    async (collection) => {
      const response = await bench.post('/api/documents', { text: 'a', collection });
      expect(errorIn(response)).toEqual({ status: 400, code: 'invalid_request', param: 'collection' });
    },
  );

  test('is forgotten when it is deleted, with its bytes', async () => {
    const { id } = await bench.send({ text: 'The newt hides.', external_id: 'newt' });
    const response = await bench.app.server.inject({ method: 'DELETE', url: `/api/documents/${id}` });
    expect(response.statusCode).toBe(202);
    expect((await bench.done(id)).state).toBe('gone');
    expect(await search('newt')).toEqual([]);
    await expect(readFile(`${bench.folder}/data/uploads/${id}`)).rejects.toThrow('ENOENT');
    expect((await bench.get(`/api/documents/${id}/file`)).statusCode).toBe(409);
    expect(await bench.send({ text: 'The newt hides.', external_id: 'newt' })).toMatchObject({
      state: 'searchable',
    });
    expect(await search('newt')).toEqual(['The newt hides.']);
  });
});

describe('a document of the inbox', () => {
  test('cannot be deleted: it is its owner’s', async () => {
    const { id } = await fromInbox('mine.txt', 'The stoat is mine.');
    const response = await bench.app.server.inject({ method: 'DELETE', url: `/api/documents/${id}` });
    expect(errorIn(response)).toMatchObject({ status: 409, code: 'conflict' });
    expect(await readFile(`${bench.inbox}/mine.txt`, 'utf8')).toBe('The stoat is mine.');
    expect(await search('stoat')).toEqual(['The stoat is mine.']);
  });

  test('is made again when asked', async () => {
    const { id } = await fromInbox('again.txt', 'The vole runs.');
    const response = await bench.app.server.inject({ method: 'POST', url: `/api/documents/${id}/reindex` });
    expect(response.statusCode).toBe(202);
    expect(documentIn(response).state).toBe('waiting');
    expect(await bench.done(id)).toMatchObject({ state: 'searchable', revision: 1 });
  });
});

describe('the original file', () => {
  test('comes back byte for byte, to be saved and not shown', async () => {
    const content = '<script>alert(1)</script>\u0000 é';
    const { id } = await fromInbox('page.html', content);
    const response = await bench.get(`/api/documents/${id}/file`);
    expect(response.rawPayload).toEqual(Buffer.from(content));
    expect(response.headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-length': String(Buffer.byteLength(content)),
      'content-disposition': "attachment; filename*=UTF-8''page.html",
      'x-content-type-options': 'nosniff',
    });
  });

  test.each(['a"; filename="evil.exe', 'line\nbreak.txt', 'été 🦑.txt', "it's (1)*.txt", ' ; drop', '-rf'])(
    'of a hostile name keeps to one header: %j',
    async (name) => {
      const { id } = await fromInbox(`names/${name}`, 'x');
      const response = await bench.get(`/api/documents/${id}/file`);
      const disposition = String(response.headers['content-disposition']);
      expect(disposition).toMatch(/^attachment; filename\*=UTF-8''[\w%.!~-]+$/);
      expect(decodeURIComponent(disposition.split("''")[1] ?? '')).toBe(name);
    },
  );

  test.each([
    ['bytes=2-5', 206, 'cdef', 'bytes 2-5/10'],
    ['bytes=7-', 206, 'hij', 'bytes 7-9/10'],
    ['bytes=8-99', 206, 'ij', 'bytes 8-9/10'],
    ['bytes=10-12', 200, 'abcdefghij', undefined],
    ['bytes=5-2', 200, 'abcdefghij', undefined],
    ['bytes=0-1,4-5', 200, 'abcdefghij', undefined],
    ['pages=1-2', 200, 'abcdefghij', undefined],
  ])('comes in parts for viewers: %s', async (range, status, body, told) => {
    const { id } = await fromInbox('letters.txt', 'abcdefghij');
    const url = `/api/documents/${id}/file`;
    const response = await bench.app.server.inject({ url, headers: { range } });
    expect([response.statusCode, response.body]).toEqual([status, body]);
    expect(response.headers['content-range']).toBe(told);
    expect(response.headers['content-length']).toBe(String(body.length));
    expect(response.headers['accept-ranges']).toBe('bytes');
  });

  test('can be asked about without being sent', async () => {
    const [document] = (await bench.list('collection=paged&limit=1')).data;
    const url = `/api/documents/${document?.id}/file`;
    const response = await bench.app.server.inject({ method: 'HEAD', url });
    expect(response.statusCode).toBe(200);
    expect(response.headers['content-length']).toBe('7');
    expect(response.body).toBe('');
  });
});
