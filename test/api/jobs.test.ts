import { beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { until } from '../until.ts';
import { documentIn, errorIn, startBench } from './setup.ts';

/** One reader that takes its time: what is sent after its file waits. */
const bench = await startBench({ LIMNER_WORKERS: '1', LIMNER_EXTRACT_SECONDS: '60' });

const Jobs = z.object({
  data: z.array(z.object({ id: z.string(), document_id: z.string().nullable(), state: z.string() })),
});

const jobOf = (document: string, state: string) =>
  until(async () => {
    const { data } = Jobs.parse((await bench.get('/api/jobs')).json());
    return data.find((job) => job.document_id === document && job.state === state)?.id;
  }, `a job that is ${state}`);

const cancel = (id: string) => bench.app.server.inject({ method: 'DELETE', url: `/api/jobs/${id}` });

/** Long enough to be met at work. */
const LONG = `<p>${'The clerk counts the boats. '.repeat(40)}</p>\n`.repeat(4000);

beforeEach(() => bench.drop('long.html', LONG));

describe('a job can be cancelled', () => {
  test('while it runs: its document says so, and nothing of it is searchable', async () => {
    const { id } = documentIn(await bench.post('/webhooks/process', { filepath: 'long.html' }));
    expect((await cancel(await jobOf(id, 'running'))).statusCode).toBe(204);
    const document = documentIn(await bench.get(`/api/documents/${id}`));
    expect(document).toMatchObject({ state: 'failed', error: { code: 'cancelled' }, chunks: 0 });
    expect(Jobs.parse((await bench.get('/api/jobs')).json()).data).toEqual([]);
  });

  test('and its document read after all', async () => {
    const { data } = await bench.list();
    const id = data[0]?.id ?? '';
    await bench.post(`/api/documents/${id}/reindex`, {});
    expect(await bench.done(id)).toMatchObject({ state: 'searchable', error: null });
  });

  test('one that is not there is not found', async () => {
    expect(errorIn(await cancel('999999'))).toMatchObject({ status: 404 });
    expect(errorIn(await cancel('none'))).toMatchObject({ status: 404 });
  });
});
