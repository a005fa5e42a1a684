import { expect, test } from 'vitest';
import { z } from 'zod';
import { errorIn, startBench } from './setup.ts';

const bench = await startBench();

const Question = z.strictObject({ id: z.string(), question: z.string(), documents: z.array(z.string()) });
const Golden = z.strictObject({
  data: z.array(Question.extend({ places: z.array(z.number()).nullable() })),
  last: z.looseObject({ at: z.string(), questions: z.number() }).nullable(),
  next_cursor: z.null(),
});
const Scores = z.strictObject({
  questions: z.number(),
  recall: z.number().nullable(),
  mrr: z.number().nullable(),
  ndcg: z.number().nullable(),
});
const scores = async () => Scores.parse((await bench.get('/api/eval')).json());
const add = async (question: string, documents: string[]) =>
  Question.parse((await bench.post('/api/golden', { question, documents })).json());

for (const bird of ['heron', 'kite', 'owl'])
  await bench.send({ text: `The ${bird} is a bird of this shore.`, external_id: bird });

test('without questions there is nothing to measure', async () => {
  expect(await scores()).toEqual({ questions: 0, recall: null, mrr: null, ndcg: null });
});

test('the index is measured with the questions whose answers are known', async () => {
  const first = await add('heron', ['heron']);
  expect(await scores()).toEqual({ questions: 1, recall: 1, mrr: 1, ndcg: 1 });
  const second = await add('Where does the kite live?', ['no such document']);
  expect(await scores()).toEqual({ questions: 2, recall: 0.5, mrr: 0.5, ndcg: 0.5 });
  // The same question again has other answers.
  expect((await add('Where does the kite live?', ['kite'])).id).toBe(second.id);
  expect(await scores()).toMatchObject({ questions: 2, recall: 1 });
  for (const { id } of [first, second])
    expect((await bench.app.server.inject({ method: 'DELETE', url: `/api/golden/${id}` })).statusCode).toBe(
      204,
    );
  expect(await scores()).toMatchObject({ questions: 0 });
});

test('the last result is kept, with the places of each question', async () => {
  const { id } = await add('owl', ['owl', 'heron']);
  await scores();
  const unasked = await add('Where does the kite live?', ['kite']);
  const { data, last } = Golden.parse((await bench.get('/api/golden')).json());
  expect(last).toMatchObject({ questions: 1, recall: 0.5, mrr: 1 });
  expect(Date.parse(last?.at ?? '')).toBeGreaterThan(Date.now() - 60_000);
  expect(data.find((one) => one.id === id)?.places).toEqual([1]);
  expect(data.find((one) => one.id === unasked.id)?.places).toBeNull();
});

test('what is no question is refused', async () => {
  for (const body of [{}, { question: ' ', documents: ['a'] }, { question: 'a', documents: [] }])
    expect(errorIn(await bench.post('/api/golden', body))).toMatchObject({ status: 400 });
  const gone = await bench.app.server.inject({ method: 'DELETE', url: '/api/golden/gq_none' });
  expect(errorIn(gone)).toMatchObject({ status: 404 });
});
