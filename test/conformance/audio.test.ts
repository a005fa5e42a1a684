import OpenAI, { toFile } from 'openai';
import { afterAll, expect, test } from 'vitest';
import { hasSpecification, readSpecification } from '../api/openai-schema.ts';
import { startTranscription } from '../fakes/transcription.ts';
import { apiKey, startBed } from './bed.ts';

const fake = await startTranscription();
afterAll(() => fake.stop());
const bed = await startBed({ LIMNER_TRANSCRIBE_URL: fake.url });
const client = new OpenAI({ baseURL: bed.baseURL, apiKey, fetch: bed.fetch, maxRetries: 0 });
const recording = () => toFile(Buffer.from('RIFF....WAVE'), 'speech.wav');
const model = 'whisper-1';

test('what is said is written down, with the language and the words that are likely', async () => {
  const { text } = await client.audio.transcriptions.create({
    file: await recording(),
    model,
    language: 'en',
    prompt: 'Molly',
  });
  expect(text).toContain('The dredger Molly arrives on the ninth of May.');
  expect(fake.heard.at(-1)).toMatchObject({
    fields: { language: 'en', prompt: 'Molly' },
    file: { name: 'speech.wav', bytes: 12 },
  });
});

test('with its times where they are asked for', async () => {
  const said = await client.audio.transcriptions.create({
    file: await recording(),
    model,
    response_format: 'verbose_json',
  });
  const complaints = hasSpecification ? readSpecification() : () => [];
  expect(complaints('CreateTranscriptionResponseVerboseJson', said)).toEqual([]);
  expect(said.duration).toBe(203);
  expect(said.segments).toMatchObject([{ start: 0, end: 4.2 }, { start: 4.2, end: 9.5 }, { start: 200 }]);
  const srt = await client.audio.transcriptions.create({
    file: await recording(),
    model,
    response_format: 'srt',
  });
  expect(srt).toMatch(/^1\n00:00:00,000 --> 00:00:04,200\nThe harbour master speaks\.\n\n2\n/);
  const vtt = await client.audio.transcriptions.create({
    file: await recording(),
    model,
    response_format: 'vtt',
  });
  expect(vtt).toMatch(/^WEBVTT\n\n00:00:00\.000 --> 00:00:04\.200\n/);
});

test('a server that refuses is told in its words', async () => {
  fake.refuse = { status: 503, message: 'still loading' };
  await expect(client.audio.transcriptions.create({ file: await recording(), model })).rejects.toThrow(
    /still loading/,
  );
});

test('a form without a recording is refused', async () => {
  const form = new FormData();
  form.set('model', model);
  const response = await bed.fetch(`${bed.baseURL}/audio/transcriptions`, { method: 'POST', body: form });
  expect(response.status).toBe(400);
});
