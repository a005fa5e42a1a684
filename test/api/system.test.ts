import { expect, test } from 'vitest';
import { z } from 'zod';
import { until } from '../until.ts';
import { startBench } from './setup.ts';

const bench = await startBench();

const Finished = z.strictObject({ documents: z.number(), bytes: z.number(), pictures: z.number() });
const System = z.strictObject({
  version: z.string(),
  started_at: z.iso.datetime(),
  memory_bytes: z.number().positive(),
  disk: z.strictObject({
    free_bytes: z.number().positive(),
    size_bytes: z.number().positive(),
    reserved_bytes: z.literal(200 * 1024 * 1024),
    used: z.record(z.string(), z.number()),
  }),
  throughput: z.strictObject({ last_minute: Finished, last_hour: Finished, readers: z.literal(2) }),
});

test('disk and throughput are told, and a document that was read counts', async () => {
  await bench.send({ text: 'The heron stands in the reeds.' });
  // It is counted when its job has ended, which is a moment after it is searchable.
  const { disk, throughput } = await until(async () => {
    const system = System.parse((await bench.get('/api/system')).json());
    return system.throughput.last_minute.documents > 0 ? system : undefined;
  }, 'the document to count');
  expect(throughput.last_minute).toEqual({ documents: 1, bytes: 30, pictures: 0 });
  expect(throughput.last_hour).toEqual(throughput.last_minute);
  expect(disk.used['database']).toBeGreaterThan(0);
  expect(disk.used['uploads']).toBe(30);
  expect(disk.free_bytes).toBeLessThan(disk.size_bytes);
});

test('settings are a list', async () => {
  const { data } = (await bench.get('/api/settings')).json();
  expect(data).toContainEqual({ name: 'LIMNER_WORKERS', value: 1, is_set: true, is_secret: false });
});
