import { afterEach, beforeEach, expect, test } from 'vitest';
import { sectionsOf } from '../../src/ingest/listen.ts';
import { createTranscribe } from '../../src/models/transcribe.ts';
import { startTranscription, type FakeTranscription } from '../fakes/transcription.ts';

let fake: FakeTranscription;
beforeEach(async () => {
  fake = await startTranscription();
});
afterEach(() => fake.stop());

const recording = { bytes: new Blob(['sound'.repeat(1000)]), name: 'talk.mp3' };
const signal = new AbortController().signal;

test('a recording is sent as clients of OpenAI send it, and what was said comes back with its times', async () => {
  const transcribe = createTranscribe({ url: fake.url, key: 'sesame', model: 'tiny' });
  const { segments, language, text } = await transcribe({ ...recording, language: 'en' }, signal);
  expect(segments).toHaveLength(3);
  expect(language).toBe('english');
  expect(text).toContain('Bring your own rope.');
  expect(fake.heard).toEqual([
    {
      authorization: 'Bearer sesame',
      fields: {
        model: 'tiny',
        response_format: 'verbose_json',
        'timestamp_granularities[]': 'segment',
        language: 'en',
      },
      file: { name: 'talk.mp3', bytes: 5000 },
    },
  ]);
});

test('a server that gives the text alone is good enough', async () => {
  fake.segments = undefined;
  const transcript = await createTranscribe({ url: fake.url, model: 'tiny' })(recording, signal);
  expect(sectionsOf(transcript)).toEqual([{ text: 'Only words.' }]);
});

test.each([
  [401, 'bad key', 'model_unavailable'],
  [404, 'no model tiny here', 'model_missing'],
  [413, 'too large', 'input_too_long'],
  [503, 'busy', 'model_unavailable'],
  [500, 'broken', 'model_answer'],
])('a refusal with %i is an error of ours with the words of the server', async (status, message, code) => {
  fake.refuse = { status, message };
  const transcribe = createTranscribe({ url: fake.url, model: 'tiny' });
  await expect(transcribe(recording, signal)).rejects.toMatchObject({
    code,
    message: expect.stringContaining(message),
  });
});

test('a server that is away, is silent, or is not waited for any longer', async () => {
  const { url } = fake;
  const stopped = new AbortController();
  const patient = createTranscribe({ url, model: 'tiny' })(recording, stopped.signal);
  stopped.abort();
  await expect(patient).rejects.toMatchObject({ code: 'cancelled' });
  await expect(createTranscribe({ url, model: 'tiny', totalMs: 1 })(recording, signal)).rejects.toMatchObject(
    {
      code: 'model_unavailable',
    },
  );
  await fake.stop();
  await expect(createTranscribe({ url, model: 'tiny' })(recording, signal)).rejects.toMatchObject({
    code: 'model_unavailable',
  });
});

test('passages keep together what is said in one go', () => {
  const segments = Array.from({ length: 100 }, (_, at) => ({
    start: at * 5,
    end: at * 5 + 5,
    text: ` Sentence number ${at}.`,
  }));
  const sections = sectionsOf({ text: '', segments });
  expect(sections.length).toBeGreaterThan(4);
  expect(sections.length).toBeLessThan(12);
  expect(sections[0]?.time).toEqual([0, 90]);
  for (const { time: [start, end] = [0, Infinity] } of sections) expect(end - start).toBeLessThanOrEqual(90);
  expect(sections.flatMap(({ text }) => text.split('\n'))).toHaveLength(100);
});
