import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { startBench } from './setup.ts';

const bench = await startBench();

interface List {
  data: { id: string; url: string; page: number | null; width: number; description: string | null }[];
  next_cursor: null;
}

async function fromFixture(name: string): Promise<string> {
  await bench.drop(name, await readFile(new URL(`../fixtures/${name}`, import.meta.url)));
  const { id } = (await bench.post('/webhooks/process', { filepath: name })).json<{ id: string }>();
  await bench.done(id);
  return id;
}

test('figures of a document are listed, all or those of a page, and served as what they are', async () => {
  const id = await fromFixture('figures.pdf');
  const { data, next_cursor } = (await bench.get(`/api/documents/${id}/figures`)).json<List>();
  expect(next_cursor).toBeNull();
  expect(data.map(({ page, width, description }) => [page, width, description])).toEqual([
    [1, 481, null],
    [2, 401, null],
  ]);
  const second = (await bench.get(`/api/documents/${id}/figures?page=2`)).json<List>();
  expect(second.data).toEqual(data.slice(1));
  const picture = await bench.get(data[0]?.url ?? '');
  expect(picture.statusCode).toBe(200);
  expect(picture.headers).toMatchObject({
    'content-type': 'image/jpeg',
    'x-content-type-options': 'nosniff',
    'content-security-policy': `default-src 'none'; sandbox`,
  });
  expect(picture.rawPayload.toString('hex', 0, 3)).toBe('ffd8ff');
});

test('a document has only figures of its own, and a list of none where there are none', async () => {
  const [pdf, docx] = [await fromFixture('figures.pdf'), await fromFixture('figures.docx')];
  const { data } = (await bench.get(`/api/documents/${docx}/figures`)).json<List>();
  expect(data.map(({ description }) => description)).toEqual(['The tower at Skerrow', 'Visitors by decade']);
  expect((await bench.get(`/api/documents/${pdf}/figures/${data[0]?.id}`)).statusCode).toBe(404);
  expect((await bench.get(`/api/documents/${pdf}/figures/..%2f..%2flimner.sqlite`)).statusCode).toBe(404);
  expect((await bench.get(`/api/documents/nobody/figures`)).statusCode).toBe(404);
  const text = await bench.send({ text: 'plain' });
  expect((await bench.get(`/api/documents/${text.id}/figures`)).json<List>().data).toEqual([]);
});

test('figures stand below the text of a document that has no pages to show', async () => {
  const id = await fromFixture('figures.docx');
  const { body, headers } = await bench.get(`/documents/${id}`);
  expect(body.match(/<figure>/g)).toHaveLength(2);
  expect(body).toContain('alt="The tower at Skerrow"');
  expect(headers['content-security-policy']).toContain(`img-src 'self'`);
});

test('a picture is shown as it is, with its words placed', async () => {
  const id = await fromFixture('sample.png');
  const html = (await bench.get(`/documents/${id}?mark=0-6`)).body;
  const { data } = (await bench.get(`/api/documents/${id}/figures`)).json<List>();
  expect(html).toContain(`<img src="${data[0]?.url}" width="709" height="355"`);
  const words = (await bench.get(`/api/documents/${id}/words?page=1&mark=0-6`)).json<{ words: unknown[] }>();
  expect(words.words).toEqual([{ text: 'NOTICE', span: [0, 6], box: [61, 63, 104, 20] }]);
});
