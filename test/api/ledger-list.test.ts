import { expect, test } from 'vitest';
import { z } from 'zod';
import { errorIn, startBench, type DocumentList } from './setup.ts';

const bench = await startBench();
const Chunks = z.object({
  data: z.array(z.looseObject({ ordinal: z.int(), text: z.string(), span: z.tuple([z.int(), z.int()]) })),
  next_cursor: z.string().nullable(),
});

for (const title of ['Heron notes', 'Bell ringers', 'Heron atlas'])
  await bench.send({ text: `${title} are here.`, title, external_id: title.toLowerCase().replace(' ', '/') });

const titles = ({ data }: DocumentList): string[] => data.map(({ title }) => title);

test('the ledger is found by words of titles and paths, whatever their case', async () => {
  expect(titles(await bench.list('q=HERON')).toSorted()).toEqual(['Heron atlas', 'Heron notes']);
  expect(titles(await bench.list('q=bell/ ringers'))).toEqual(['Bell ringers']);
  expect(titles(await bench.list('q=heron bell'))).toEqual([]);
  expect(titles(await bench.list(`q=${encodeURIComponent("%' or 1")}`))).toEqual([]);
});

test('what changed last comes first, page by page, each once', async () => {
  const first = await bench.list('order=newest&limit=2');
  const second = await bench.list(
    `order=newest&limit=2&cursor=${encodeURIComponent(first.next_cursor ?? '')}`,
  );
  const seen = [...first.data, ...second.data];
  expect(seen.length).toBe(3);
  expect(new Set(seen.map(({ id }) => id)).size).toBe(3);
  const times = seen.map((one) => String(one['updated_at']));
  expect(times).toEqual(times.toSorted().toReversed());
  expect(second.next_cursor).toBeNull();
});

test('a cursor that is none is refused, and the list does not begin anew', async () => {
  const response = await bench.get('/api/documents?order=newest&cursor=nonsense');
  expect(errorIn(response)).toMatchObject({ status: 400, code: 'invalid_request', param: 'cursor' });
});

test('a document shows what it was cut into, in its order', async () => {
  const text = Array.from(
    { length: 60 },
    (_, at) => `## Part ${at}\n\n${'The heron stands still. '.repeat(30)}`,
  );
  const { id, chunks } = await bench.send({ text: text.join('\n\n'), title: 'Long.md' });
  const first = Chunks.parse((await bench.get(`/api/documents/${id}/chunks?limit=10`)).json());
  expect(first.data.map(({ ordinal }) => ordinal)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  const rest = Chunks.parse(
    (await bench.get(`/api/documents/${id}/chunks?limit=500&cursor=${first.next_cursor}`)).json(),
  );
  expect(first.data.length + rest.data.length).toBe(chunks);
  expect(rest.next_cursor).toBeNull();
});
