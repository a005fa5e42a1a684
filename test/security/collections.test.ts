import { createHash } from 'node:crypto';
import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { startBench } from '../api/setup.ts';
import { until } from '../until.ts';

const ADMIN = 'the-admin-key';
const SECRET = 'Quetzalcoatlus';
const bench = await startBench({ LIMNER_API_KEYS: ADMIN });
const admin = { authorization: `Bearer ${ADMIN}` };
const Made = z.object({ id: z.string(), key: z.string() });
const WithState = z.looseObject({ state: z.string() });
const WithId = z.looseObject({ id: z.string() });

async function call(
  method: 'GET' | 'POST' | 'DELETE' | 'PATCH' | 'PUT',
  url: string,
  key: string,
  payload?: object,
) {
  const headers = { authorization: `Bearer ${key}` };
  // A machine with much other work makes the service refuse some of these thousands, as it should.
  return until(async () => {
    const response = await bench.app.server.inject({ method, url, headers, ...(payload && { payload }) });
    return response.body.includes('"overloaded"') ? undefined : response;
  }, 'the service to have time');
}

async function makeKey(about: object): Promise<z.infer<typeof Made>> {
  const response = await call('POST', '/api/keys', ADMIN, { name: 'test', ...about });
  expect(response.statusCode).toBe(201);
  return Made.parse(response.json());
}

async function send(collection: string, text: string): Promise<string> {
  const sent = await call('POST', '/api/documents', ADMIN, {
    text,
    collection,
    external_id: `${collection}-1`,
  });
  const { id } = WithId.parse(sent.json());
  await until(async () => {
    const document = WithState.parse((await call('GET', `/api/documents/${id}`, ADMIN)).json());
    return ['seen', 'waiting', 'working'].includes(document.state) ? undefined : document;
  }, 'the text to be searchable');
  return id;
}

const address = await bench.app.server.listen({ host: '127.0.0.1', port: 0 });
const theirs = await send('theirs', `The ${SECRET} is kept in the cellar.`);
const ours = await send('ours', 'The sparrow is kept in the attic.');
const limited = await makeKey({ scopes: ['read', 'write'], collections: ['ours'] });

test('what fields the documents of others have is not told', async () => {
  const about = {
    text: 'A word.',
    collection: 'theirs',
    external_id: 'theirs-2',
    metadata: { wingspan: 12 },
  };
  const { id } = WithId.parse((await call('POST', '/api/documents', ADMIN, about)).json());
  await until(
    async () => (await call('GET', `/api/documents/${id}`, ADMIN)).body.includes('searchable'),
    'it',
  );
  const asked = (field: string, key: string) =>
    call('POST', '/api/search', key, { query: 'kept', filter: { [field]: 12 } });
  expect((await asked('wingspan', ADMIN)).statusCode).toBe(200);
  const [known, unknown] = [await asked('wingspan', limited.key), await asked('nothing', limited.key)];
  expect([known.statusCode, unknown.statusCode]).toEqual([400, 400]);
  expect(known.body.replace('wingspan', 'nothing')).toBe(unknown.body);
});

test('the key of a collection finds its own documents', async () => {
  const found = await call('POST', '/api/search', limited.key, { query: 'kept in the' });
  expect(found.body).toContain('sparrow');
  expect((await call('GET', `/api/documents/${ours}`, limited.key)).statusCode).toBe(200);
});

const Description = z.looseObject({ paths: z.record(z.string(), z.record(z.string(), z.unknown())) });
const METHODS = { get: 'GET', post: 'POST', delete: 'DELETE', patch: 'PATCH' } as const;

/** Every address and method the server has: its description is made from its own list of routes. */
const { paths } = Description.parse((await call('GET', '/openapi.json', ADMIN)).json());
const routes = Object.entries(paths).flatMap(([url, operations]) =>
  Object.entries(METHODS).flatMap(([name, method]) => (name in operations ? [{ method, url }] : [])),
);

/** The vector store that the other collection is. */
const storeId = `vs_${createHash('sha256').update('theirs').digest('hex').slice(0, 24)}`;

const BODIES: object[] = [
  { query: SECRET },
  { query: SECRET, collection: 'theirs' },
  { query: 'cellar', filter: { collection: 'theirs' } },
  { question: `Where is the ${SECRET}?`, collection: 'theirs' },
  { model: 'limner/theirs', messages: [{ role: 'user', content: 'Where?' }] },
  { model: 'limner', messages: [{ role: 'user', content: 'cellar' }], limner: { collection: 'theirs' } },
  { text: 'taken over', collection: 'theirs' },
  { text: 'taken over', external_id: 'theirs-1' },
  { metadata: { taken: true } },
];

test('no route gives it a word of another collection, nor changes one', async () => {
  expect(routes.length).toBeGreaterThan(50);
  for (const { method, url } of routes) {
    if (url === '/api/events') continue; // below; an answer would never end
    for (const id of [theirs, `file-${theirs}`, storeId]) {
      const path = url.replace('{path}', 'limner/theirs').replaceAll(/\{\w+\}/g, id);
      for (const query of ['', '?collection=theirs', '?external_id=theirs-1'])
        for (const body of method === 'GET' || query !== '' ? [undefined] : BODIES) {
          const { body: said } = await call(method, path + query, limited.key, body);
          expect(said.replaceAll(theirs, ''), `${method} ${path}${query}`).not.toMatch(/Quetzal|cellar/);
        }
    }
  }
  const after = (await call('GET', `/api/documents/${theirs}`, ADMIN)).json();
  expect(after).toMatchObject({ collection: 'theirs', metadata: {}, revision: 1 });
}, 120_000);

test('nothing that is listed, counted or told names another collection', async () => {
  for (const { method, url } of routes) {
    if (method !== 'GET' || url.includes('{') || url === '/api/events') continue;
    const { body } = await call(method, url, limited.key);
    expect(body, url).not.toContain('theirs');
  }
  const status = z
    .looseObject({ documents: z.record(z.string(), z.number()), chunks: z.number() })
    .parse((await call('GET', '/api/status', limited.key)).json());
  expect([status.documents, status.chunks]).toEqual([{ searchable: 1 }, 1]);
  const asked = await call('POST', '/api/ask', limited.key, { question: 'Where is the sparrow?' });
  expect(asked.json()).toMatchObject({ index: { searchable: 1, pending: 0, failed: 0 } });
});

/** What a key hears of changes, from now on. */
async function listen(key: string): Promise<{ text: () => string; ended: () => boolean; leave: () => void }> {
  const leave = new AbortController();
  const headers = { authorization: `Bearer ${key}` };
  const { body } = await until(async () => {
    const response = await fetch(`${address}/api/events`, { headers, signal: leave.signal });
    return response.ok ? response : undefined;
  }, 'the stream to be opened');
  let text = '';
  let hasEnded = false;
  void body
    ?.pipeThrough(new TextDecoderStream())
    .pipeTo(new WritableStream({ write: (part) => void (text += part) }))
    .catch(() => undefined)
    .finally(() => (hasEnded = true));
  await until(() => text.includes(': watching'), 'the stream');
  return { text: () => text, ended: () => hasEnded, leave: () => leave.abort() };
}

test('it is told of changes of its own documents alone', async () => {
  const { text, leave } = await listen(limited.key);
  await send('theirs', `The ${SECRET} has moved.`);
  await send('ours', 'The sparrow has moved.');
  await until(
    () => text().includes('"state":"searchable"') && text().includes('event: status'),
    'the events',
  );
  leave();
  expect(text()).not.toMatch(/theirs|Quetzal|event: (image|pull)/);
  expect(text()).toMatch(/"collection":"ours"/);
});

test('a key that is revoked hears nothing more', async () => {
  const { id, key } = await makeKey({ scopes: ['read'], collections: ['ours'] });
  const { text, ended } = await listen(key);
  expect((await call('DELETE', `/api/keys/${id}`, ADMIN)).statusCode).toBe(204);
  await send('ours', 'The sparrow is elsewhere.');
  await until(ended, 'the end of the stream');
  expect(text()).not.toContain('event: ');
});

test('of jobs it sees and ends those of its own documents alone', async () => {
  const Jobs = z.looseObject({ data: z.array(z.looseObject({ id: z.string(), document_id: z.string() })) });
  const jobsOf = async (key: string) => Jobs.parse((await call('GET', '/api/jobs', key)).json()).data;
  // One that is worked on for a while: the reader takes this long to begin.
  const sent = ['theirs', 'ours'].flatMap((collection) =>
    Array.from({ length: 5 }, () =>
      call('POST', '/api/documents', ADMIN, { text: `In ${collection}.`, collection }),
    ),
  );
  await Promise.all(sent);
  const all = await until(async () => {
    const found = await jobsOf(ADMIN);
    return found.length > 1 ? found : undefined;
  }, 'jobs that wait');
  const mine = new Set((await jobsOf(limited.key)).map(({ id }) => id));
  const collectionOf = async (id: string) =>
    z.looseObject({ collection: z.string() }).parse((await call('GET', `/api/documents/${id}`, ADMIN)).json())
      .collection;
  for (const { id, document_id: document } of all) {
    if ((await collectionOf(document)) === 'ours') continue;
    expect(mine).not.toContain(id);
    expect((await call('POST', `/api/jobs/${id}/retry`, limited.key)).statusCode).toBe(404);
    expect((await call('DELETE', `/api/jobs/${id}`, limited.key)).statusCode).toBe(404);
  }
});

test("of OpenAI's stores, files and responses it has its own", async () => {
  const storeOf = (name: string) => `vs_${createHash('sha256').update(name).digest('hex').slice(0, 24)}`;
  expect((await call('GET', `/v1/vector_stores/${storeOf('ours')}`, limited.key)).statusCode).toBe(200);
  expect((await call('GET', `/v1/vector_stores/${storeId}`, limited.key)).statusCode).toBe(404);
  expect((await call('GET', `/v1/files/file-${ours}`, limited.key)).statusCode).toBe(200);
  expect((await call('GET', `/v1/files/file-${theirs}`, limited.key)).statusCode).toBe(404);
  expect((await call('GET', `/v1/files?after=file-${ours}`, limited.key)).statusCode).toBe(200);
  expect((await call('GET', `/v1/files?after=file-${theirs}`, limited.key)).statusCode).toBe(400);
  const search = { query: 'sparrow' };
  const found = await call('POST', `/v1/vector_stores/${storeOf('ours')}/search`, limited.key, search);
  expect(found.body).toContain('sparrow');
  const ask = async (key: string) =>
    WithId.parse((await call('POST', '/v1/responses', key, { model: 'limner', input: 'sparrow?' })).json())
      .id;
  const [own, foreign] = [await ask(limited.key), await ask(ADMIN)];
  expect((await call('GET', `/v1/responses/${own}`, limited.key)).statusCode).toBe(200);
  expect((await call('GET', `/v1/responses/${foreign}`, limited.key)).statusCode).toBe(404);
  expect((await call('DELETE', `/v1/responses/${foreign}`, limited.key)).statusCode).toBe(404);
  const next = { model: 'limner', input: 'And?', previous_response_id: foreign };
  expect((await call('POST', '/v1/responses', limited.key, next)).statusCode).toBe(404);
});

test('routes that concern every collection are closed to it', async () => {
  for (const url of ['/metrics', '/api/keys', '/api/images', '/api/golden', '/api/settings'])
    expect((await call('GET', url, limited.key)).statusCode, url).toBe(403);
  expect((await call('POST', '/v1/vector_stores', limited.key, { name: 'x' })).statusCode).toBe(403);
});

test('scopes: a reader changes nothing, and a writer makes no keys', async () => {
  const reader = await makeKey({ scopes: ['read'] });
  expect((await call('POST', '/api/search', reader.key, { query: 'sparrow' })).statusCode).toBe(200);
  expect((await call('POST', '/api/documents', reader.key, { text: 'a' })).statusCode).toBe(403);
  const writer = await makeKey({ scopes: ['read', 'write'] });
  expect((await call('POST', '/api/keys', writer.key, { name: 'x', scopes: ['admin'] })).statusCode).toBe(
    403,
  );
});

test('a revoked key, an expired one and one with another end open nothing', async () => {
  const { id, key } = await makeKey({});
  expect((await call('GET', '/v1/models', key)).statusCode).toBe(200);
  expect((await call('GET', '/v1/models', `${key.slice(0, -1)}!`)).statusCode).toBe(401);
  expect((await call('DELETE', `/api/keys/${id}`, ADMIN)).statusCode).toBe(204);
  expect((await call('GET', '/v1/models', key)).statusCode).toBe(401);
  const old = await makeKey({ expires_at: '2020-01-01T00:00:00Z' });
  expect((await call('GET', '/v1/models', old.key)).statusCode).toBe(401);
});

test('a key is shown once and kept as a hash', async () => {
  const { key } = await makeKey({});
  expect((await call('GET', '/api/keys', ADMIN)).body).not.toContain(key.slice(-43));
  expect(bench.lines.join('')).not.toContain(key.slice(-43));
});

test('the rate of a key is kept, and the answer says when to come again', async () => {
  const { key } = await makeKey({ rate: 3 });
  const statuses = [];
  for (let at = 0; at < 4; at++) statuses.push(await call('GET', '/v1/models', key));
  expect(statuses.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200, 429]);
  expect(Number(statuses[3]?.headers['retry-after'])).toBeGreaterThan(0);
});

test('the page is opened by a cookie that no script reads, and closed again', async () => {
  const { key } = await makeKey({ scopes: ['read'] });
  const form = (value: string) =>
    bench.app.server.inject({
      method: 'POST',
      url: '/login',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      payload: new URLSearchParams({ key: value }).toString(),
    });
  expect((await form('wrong')).statusCode).toBe(401);
  const set = String((await form(key)).headers['set-cookie']);
  expect(set).toMatch(/HttpOnly; SameSite=Strict/);
  const cookie = set.split(';', 1)[0] ?? '';
  const open = () => bench.get('/v1/models', { cookie });
  expect((await open()).statusCode).toBe(200);
  await bench.app.server.inject({ method: 'POST', url: '/logout', headers: { cookie } });
  expect((await open()).statusCode).toBe(401);
});

test('a wrong method is told the right ones', async () => {
  const response = await bench.app.server.inject({ method: 'PUT', url: '/api/search', headers: admin });
  expect(response.statusCode).toBe(405);
  expect(response.headers.allow).toBe('POST');
});

test('a store of another collection is not taken away, and its documents do not come to where the key reads', async () => {
  const { id: store } = WithId.parse(
    (await call('POST', '/v1/vector_stores', ADMIN, { name: 'vault' })).json(),
  );
  const sent = { text: `Also the ${SECRET} is in the vault.`, collection: 'vault', external_id: 'vault-1' };
  const { id } = WithId.parse((await call('POST', '/api/documents', ADMIN, sent)).json());
  const loose = await makeKey({ scopes: ['read', 'write'], collections: ['ours', 'files'] });
  expect((await call('DELETE', `/v1/vector_stores/${store}`, loose.key)).statusCode).toBe(404);
  expect((await call('GET', `/v1/vector_stores/${store}`, ADMIN)).statusCode).toBe(200);
  expect((await call('GET', `/api/documents/${id}`, ADMIN)).json()).toMatchObject({ collection: 'vault' });
});

test('what others sent is not taken over by sending the same, and where it lies is not told', async () => {
  const same = { text: 'Known to both, word by word.', metadata: { price: 7 } };
  const { id } = WithId.parse(
    (await call('POST', '/api/documents', ADMIN, { ...same, collection: 'theirs' })).json(),
  );
  const again = () => call('POST', '/api/documents', limited.key, { text: same.text });
  const own = await again();
  expect(own.statusCode).toBe(202);
  expect(own.json()).toMatchObject({ collection: 'ours', metadata: {} });
  expect(WithId.parse(own.json()).id).not.toBe(id);
  expect(WithId.parse((await again()).json()).id).toBe(WithId.parse(own.json()).id);
  expect((await call('GET', `/api/documents/${id}`, ADMIN)).json()).toMatchObject({ collection: 'theirs' });

  const named = await call('POST', '/api/documents', limited.key, { text: 'x', external_id: 'theirs-1' });
  expect(named.statusCode).toBe(403);
  expect(named.body.replace('theirs-1', '')).not.toContain('theirs');
});

test('nor is what comes while a slow upload of the same name is under way', async () => {
  const external = 'slow-1';
  const body = new PassThrough();
  const boundary = 'cut';
  const part = (name: string, more = '') =>
    `--${boundary}\r\ncontent-disposition: form-data; name="${name}"${more}\r\n\r\n`;
  const slow = bench.app.server.inject({
    method: 'POST',
    url: '/api/documents',
    headers: {
      authorization: `Bearer ${limited.key}`,
      'content-type': `multipart/form-data; boundary=${boundary}`,
    },
    payload: body,
  });
  body.write(`${part('external_id')}${external}\r\n${part('file', '; filename="a.txt"')}One`);
  await new Promise((resolve) => setTimeout(resolve, 300));
  const sent = { text: 'Theirs.', collection: 'theirs', external_id: external };
  expect((await call('POST', '/api/documents', ADMIN, sent)).statusCode).toBe(202);
  body.end(`, and two.\r\n--${boundary}--\r\n`);
  expect((await slow).statusCode).toBe(403);
});
