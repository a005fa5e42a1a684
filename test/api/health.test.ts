import { expect, test } from 'vitest';
import { startBench } from './setup.ts';

const bench = await startBench();

test('alive says nothing but that', async () => {
  const response = await bench.get('/healthz');
  expect({ status: response.statusCode, body: response.json() }).toEqual({
    status: 200,
    body: { status: 'ok' },
  });
});

test('ready, with the state of each server', async () => {
  const response = await bench.get('/readyz');
  expect(response.statusCode).toBe(200);
  expect(response.json()).toMatchObject({
    status: 'ready',
    message: null,
    servers: { ollama: { reachable: false } },
  });
});

test('the truthful number counts what is there, and what failed by its reason', async () => {
  const before = await bench.send({ text: 'The spare fuse lies in the biscuit tin.', external_id: 'a' });
  expect(before).toMatchObject({ state: 'searchable', chunks: 1 });
  await bench.drop('empty.txt', '');
  await bench.drop('broken.pdf', '%PDF-1.4 and nothing else');
  for (const filepath of ['empty.txt', 'broken.pdf']) {
    const { id } = (await bench.post('/webhooks/process', { filepath })).json();
    await bench.done(String(id));
  }
  const status = (await bench.get('/api/status')).json();
  expect(status).toMatchObject({
    documents: { searchable: 1, empty: 1, failed: 1 },
    failed: { corrupt: 1 },
    chunks: 1,
    vectors: 0,
    jobs: 0,
    settling: 0,
    inbox: { path: bench.inbox, online: true, message: null },
    servers: { ollama: { reachable: false } },
  });
});

test('metrics are in the text format and say the same', async () => {
  const response = await bench.get('/metrics');
  expect(response.headers['content-type']).toMatch(/^text\/plain/);
  expect(response.body).toContain('limner_documents{state="searchable"} 1');
  expect(response.body).toContain('limner_failed_documents{code="corrupt"} 1');
  expect(response.body).toMatch(/^limner_chunks 1$/m);
  expect(response.body).toMatch(/^limner_vectors 0$/m);
  expect(response.body).toMatch(/^limner_process_resident_memory_bytes \d+$/m);
});
