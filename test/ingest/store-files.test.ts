import { expect, test } from 'vitest';
import { until } from '../until.ts';
import { startBench } from '../api/setup.ts';

test('who deletes a file is answered when it is gone, also while many other documents change', async () => {
  const bench = await startBench();
  const names = Array.from({ length: 30 }, (_, at) => `note ${at}`);
  for (const name of names)
    await bench.post('/api/documents', { text: `This is ${name}.`, external_id: name });
  await until(async () => (await bench.list('status=searchable')).data.length === 30, 'all to be searchable');
  const { data } = await bench.list();
  const since = performance.now();
  const answers = await Promise.all(
    data.map(({ id }) => bench.app.server.inject({ method: 'DELETE', url: `/v1/files/file-${id}` })),
  );
  // Without seeing each of them go it would wait ten seconds.
  expect(performance.now() - since).toBeLessThan(9000);
  expect(answers.map(({ statusCode }) => statusCode)).toEqual(data.map(() => 200));
  expect((await bench.list('status=gone')).data).toHaveLength(30);
});
