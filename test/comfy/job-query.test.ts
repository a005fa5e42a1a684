import { expect, test } from 'vitest';
import { bed, fakeComfy } from './bed.ts';

const passages = [
  { document: 'd', title: 'Birds', page: 1, url: '/documents/d', text: 'A 100% "grey" heron' },
];

test('jobs are found by words of their inputs and passages, which are text and not patterns', async () => {
  const { images } = await bed([await fakeComfy()]);
  const { id } = await images.submit({ workflow: 'plain', inputs: { color: 4711 }, passages });
  await images.submit({ workflow: 'plain', inputs: { color: 1 } });
  const found = (...words: string[]) => images.list({ words, limit: 10 }).map((job) => job.id);
  expect(found()).toHaveLength(2);
  for (const words of [['GREY'], ['100%', 'heron'], ['birds', '4711', 'plain'], ['"grey"']])
    expect(found(...words), words.join(' ')).toEqual([id]);
  for (const words of [['heron', 'owl'], ['1_0%'], ['\\'], ['document'], [`' or 1 --`]])
    expect(found(...words), words.join(' ')).toEqual([]);
});
