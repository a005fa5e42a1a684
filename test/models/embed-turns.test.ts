import { expect, test } from 'vitest';
import { z } from 'zod';
import { createEmbedTurns } from '../../src/models/embed-turns.ts';
import { until } from '../until.ts';
import { createReadyPair, dot } from './setup.ts';

const Request = z.object({ input: z.array(z.string()) });
const texts = (name: string): string[] => Array.from({ length: 32 }, (_, at) => `${name} passage ${at}`);
const never = new AbortController().signal;

test('a question does not wait for the documents that the server has already', async () => {
  const { fake, server, signal } = await createReadyPair({ costMs: { embedText: 5 } });
  const ended: string[] = [];
  const batches = ['first', 'second'].map(async (name) => {
    const vectors = await server.embed.documents(texts(name), signal);
    ended.push(name);
    return vectors;
  });
  await until(() => fake.requests('embed').length === 2, 'both batches');
  await server.embed.query('first', signal);
  ended.push('question');
  const made = await Promise.all(batches);
  expect(ended[0]).toBe('question');
  expect(made.map((vectors) => vectors.length)).toEqual([32, 32]);

  const sizes = fake.requests('embed').map((body) => Request.parse(body).input.length);
  // Both were ended, and came again in small requests.
  expect(sizes.slice(0, 3)).toEqual([32, 32, 1]);
  expect(sizes.slice(3)).toEqual(Array.from({ length: 8 }, () => 8));
  const [alone = Float32Array.of()] = await server.embed.documents(['second passage 31'], signal);
  expect(dot(alone, made[1]?.[31] ?? Float32Array.of())).toBeCloseTo(1, 5);
});

test('questions one after the other find at most one small request before them', async () => {
  const { fake, server, signal } = await createReadyPair({ costMs: { embedText: 2 } });
  await server.embed.query('a question before', signal);
  const names = Array.from({ length: 10 }, (_, at) => `batch ${at}`);
  const done = Promise.all(names.map((name) => server.embed.documents(texts(name), signal)));
  const before: number[] = [];
  for (let asked = 0; asked < 5; asked++) {
    const seen = fake.exchanges.length;
    await until(() => fake.exchanges.length > seen, 'documents');
    const open = fake.exchanges.filter(({ route, end }) => route === 'embed' && end === 'open');
    before.push(open.reduce((sum, { body }) => sum + (Request.safeParse(body).data?.input.length ?? 0), 0));
    await server.embed.query(`question ${asked}`, signal);
  }
  await done;
  expect(Math.max(...before)).toBeLessThanOrEqual(8);
  expect(fake.exchanges.filter(({ route, end }) => route === 'embed' && end === 'closed')).toEqual([]);
});

test('documents wait for questions, but not for ever', async () => {
  const turns = createEmbedTurns({ patienceMs: 30 });
  const answer = Promise.withResolvers<void>();
  const question = turns.question(() => answer.promise);
  const most: number[] = [];
  const documents = [1, 2].map(() => turns.documents(never, async ({ texts: some }) => most.push(some)));
  expect(most).toEqual([]);
  await Promise.all(documents);
  expect(most).toEqual([8, 8]);
  answer.resolve();
  await question;
});

test('without questions documents go side by side, and in full', async () => {
  const turns = createEmbedTurns();
  const both = Promise.withResolvers<void>();
  let running = 0;
  const ask = async ({ texts: most }: { texts: number }): Promise<number> => {
    if (++running === 2) both.resolve();
    await both.promise;
    return most;
  };
  expect(await Promise.all([turns.documents(never, ask), turns.documents(never, ask)])).toEqual([
    Infinity,
    Infinity,
  ]);
});

test('who is cancelled while waiting is told so', async () => {
  const turns = createEmbedTurns();
  const answer = Promise.withResolvers<void>();
  const question = turns.question(() => answer.promise);
  const stop = new AbortController();
  const waiting = turns.documents(stop.signal, async () => 'begun');
  stop.abort();
  await expect(waiting).rejects.toMatchObject({ name: 'LimnerError', code: 'cancelled' });
  answer.resolve();
  await question;
});
