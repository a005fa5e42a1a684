import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { z } from 'zod';
import { createFakeComfy } from '../fakes/comfyui.ts';
import { startService } from '../service.ts';
import { until } from '../until.ts';
import { writeWorkflows } from './bed.ts';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

const Job = z.looseObject({ id: z.string(), outputs: z.tuple([z.looseObject({ id: z.string() })]) });

test('what is made is no evidence, even where the data folder lies inside the inbox; what a user saves there is', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'limner-evidence-'));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  const fake = await createFakeComfy();
  cleanups.push(() => fake.stop());
  await writeWorkflows(join(folder, 'workflows'));
  const service = await startService(folder, {
    COMFYUI_URL: fake.url,
    LIMNER_WORKFLOWS: join(folder, 'workflows'),
    LIMNER_DATA: join(folder, 'inbox', 'kept', 'data'),
  });
  cleanups.push(() => service.kill());
  await writeFile(join(service.inbox, 'lamp.md'), 'The lamp is green.\n');
  await service.quiet(1);

  const sent = await service.post('/api/images', { workflow: 'plain', wait: true });
  const job = Job.parse(await sent.json());
  const [{ id }] = job.outputs;
  const picture = await (await service.get(`/media/${id}`)).bytes();
  expect((await service.get(`/media/${id}?size=64`)).headers.get('content-type')).toBe('image/webp');
  expect((await service.get(`/media/pending/${job.id}`)).headers.get('content-type')).toBe('image/png');
  await service.post('/api/inbox/scan', {});
  // A file that comes after is found by the same scan, so that what was made has been passed over by then.
  await writeFile(join(service.inbox, 'horn.md'), 'The horn is loud.\n');
  expect([...(await service.quiet(2)).keys()].toSorted()).toEqual(['horn.md', 'lamp.md']);

  const preview = z
    .looseObject({ ignored: z.unknown() })
    .parse(await (await service.post('/api/inbox/scan', { dry_run: true })).json());
  expect(JSON.stringify(preview)).toContain('the data folder of Limner');

  await writeFile(join(service.inbox, 'saved.png'), picture);
  const all = await service.quiet(3);
  expect([...all.keys()].toSorted()).toEqual(['horn.md', 'lamp.md', 'saved.png']);
  const found = z
    .object({ hits: z.array(z.looseObject({ document: z.looseObject({ uri: z.string() }) })) })
    .parse(await (await service.post('/api/search', { query: 'plain color green lamp' })).json());
  expect(found.hits.map(({ document }) => document.uri)).toContain('lamp.md');
  await until(async () => (await service.documents()).length === 3, 'three documents and no more');
});

test('the inbox cannot be the data folder too', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'limner-evidence-'));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  const started = startService(folder, { LIMNER_DATA: join(folder, 'inbox') });
  await expect(started).rejects.toThrow(/cannot be the data folder/);
});
