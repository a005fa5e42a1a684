import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { recording } from '../src/processors/recording.ts';
import { startTranscription, type FakeTranscription } from './fakes/transcription.ts';
import { removeFolder, startService, temporaryFolder, type Service } from './service.ts';

/** One for each ending of sound and video. */
const names = recording.extensions.map((ending) => `sample.${ending}`);

let folder: string;
let fake: FakeTranscription;
let service: Service;

beforeAll(async () => {
  folder = await temporaryFolder();
  fake = await startTranscription();
  service = await startService(folder);
  for (const name of names)
    await copyFile(new URL(`fixtures/${name}`, import.meta.url), join(service.inbox, name));
});

afterAll(async () => {
  await service.stop();
  await fake.stop();
  await removeFolder(folder);
});

const Hits = z.object({
  hits: z.array(
    z.object({
      text: z.string(),
      place: z.object({ time: z.array(z.number()) }),
      document: z.object({ uri: z.string() }),
    }),
  ),
});

test('without a server a recording is unsupported, with the way to mend it', async () => {
  const documents = await service.quiet(names.length);
  expect([...documents.keys()].toSorted()).toEqual(names.toSorted());
  for (const [, document] of documents) {
    expect(document).toMatchObject({ state: 'failed', error: { code: 'unsupported' } });
    expect(document.error?.message).toContain('set LIMNER_TRANSCRIBE_URL');
  }
});

test('as soon as there is one it is written down, and found with its time', async () => {
  await service.stop();
  service = await startService(folder, { LIMNER_TRANSCRIBE_URL: fake.url, LIMNER_TRANSCRIBE_KEY: 'sesame' });
  await expect
    .poll(async () => (await service.documents()).map(({ state }) => state))
    .toEqual(names.map(() => 'searchable'));
  const found = await service.post('/api/search', { query: 'When does the dredger arrive?' });
  const { hits } = Hits.parse(await found.json());
  expect(hits[0]?.text).toContain('The dredger Molly arrives on the ninth of May.');
  expect(hits[0]?.place.time).toEqual([0, 9.5]);
  expect(fake.heard.map(({ file, fields }) => `${file.name} ${fields['model']}`).toSorted()).toEqual(
    names.map((name) => `${name} whisper-1`).toSorted(),
  );
  expect(fake.heard[0]?.authorization).toBe('Bearer sesame');
  expect(service.log()).not.toContain('sesame');
});
