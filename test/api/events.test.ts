import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { until } from '../until.ts';
import { documentIn, errorIn, startBench } from './setup.ts';

const bench = await startBench();
const { server } = bench.app;
const base = await server.listen({ port: 0, host: '127.0.0.1' });

const Jobs = z.strictObject({
  data: z.array(
    z.looseObject({
      id: z.string(),
      document_id: z.string(),
      state: z.string(),
      reason: z.string().nullable(),
    }),
  ),
  next_cursor: z.string().nullable(),
});

/** Reads the stream into a growing text; the connection stays open until the service ends. */
async function watch(): Promise<{ text: () => string; leave: () => void }> {
  const leaving = new AbortController();
  const response = await fetch(`${base}/api/events`, { signal: leaving.signal });
  expect(response.headers.get('content-type')).toContain('text/event-stream');
  let text = '';
  void response.body
    ?.pipeThrough(new TextDecoderStream())
    .pipeTo(new WritableStream({ write: (part) => void (text += part) }))
    .catch(() => undefined);
  await until(() => text.includes(': watching'), 'the stream to begin');
  return { text: () => text, leave: () => leaving.abort() };
}

test('events tell of a document until it is searchable', async () => {
  const stream = await watch();
  const { id } = await bench.send({ text: 'The bell hangs in the boathouse.', external_id: 'bell' });
  await until(() => stream.text().includes('"state":"searchable"'), 'the last state');
  const events = stream
    .text()
    .split('\n\n')
    .filter((event) => event.startsWith('event: document\ndata: '))
    .map((event) => z.looseObject({ id: z.string(), state: z.string() }).parse(JSON.parse(event.slice(22))));
  expect(events.every((event) => event.id === id)).toBe(true);
  expect(events.at(-1)?.state).toBe('searchable');
  stream.leave();
});

test('a stream that is never left does not keep the service from stopping', async () => {
  // The bench closes the service after the tests, and would wait for this one for ever.
  const stream = await watch();
  expect(stream.text()).toContain('watching');
});

test('jobs that wait are listed with their reason, and can be tried now', async () => {
  await bench.drop('ice/fuse.txt', 'The spare fuse is in the biscuit tin.');
  const { id } = documentIn(await bench.post('/webhooks/process', { filepath: 'ice/fuse.txt' }));
  await bench.done(id);
  await rename(bench.inbox, join(bench.folder, 'away'));
  await bench.post(`/api/documents/${id}/reindex`, {});
  const job = await until(async () => {
    const { data } = Jobs.parse((await bench.get('/api/jobs')).json());
    return data.find((one) => one.document_id === id && one.state === 'waiting');
  }, 'the job to wait for the inbox');
  expect(job.reason).toEqual(expect.any(String));
  await rename(join(bench.folder, 'away'), bench.inbox);
  expect((await bench.post(`/api/jobs/${job.id}/retry`, {})).statusCode).toBe(202);
  expect((await bench.done(id)).state).toBe('searchable');
});

test('a job that is not there is refused', async () => {
  expect(errorIn(await bench.post('/api/jobs/999999/retry', {}))).toMatchObject({
    status: 404,
    code: 'not_found',
  });
  expect(errorIn(await bench.get('/api/jobs?cursor=x'))).toMatchObject({ status: 400, param: 'cursor' });
});
