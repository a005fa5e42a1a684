import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import OpenAI, { APIError, NotFoundError, toFile } from 'openai';
import { describe, expect, test } from 'vitest';
import { until } from '../until.ts';
import { ANSWER, apiKey, QUESTION, startBed } from './bed.ts';

const bed = await startBed();
const client = new OpenAI({ baseURL: bed.baseURL, apiKey, fetch: bed.fetch, maxRetries: 0 });
const pollIntervalMs = 50;

const upload = async (name: string, text: string) =>
  client.files.create({ file: await toFile(Buffer.from(text), name), purpose: 'assistants' });

/** Ids of a list, all of its pages read. */
async function idsOf(list: AsyncIterable<{ id: string }>): Promise<string[]> {
  return (await Array.fromAsync(list)).map(({ id }) => id);
}

describe('files', () => {
  test('are uploaded, listed, read, given back and deleted', async () => {
    const file = await upload('boiler.txt', 'The boiler’s warranty ends in May.');
    expect(file).toMatchObject({ object: 'file', filename: 'boiler.txt', purpose: 'assistants', bytes: 36 });
    await expect.poll(async () => (await client.files.retrieve(file.id)).status).toBe('processed');
    expect(await idsOf(client.files.list())).toContain(file.id);
    expect(await (await client.files.content(file.id)).text()).toBe('The boiler’s warranty ends in May.');
    expect(await client.files.delete(file.id)).toMatchObject({ deleted: true });
    await expect(client.files.retrieve(file.id)).rejects.toThrow(NotFoundError);
    expect(await idsOf(client.files.list())).not.toContain(file.id);
  });

  test('of equal contents are files of their own', async () => {
    const [one, other] = [await upload('a.txt', 'the same'), await upload('a.txt', 'the same')];
    expect(one.id).not.toBe(other.id);
    await client.files.delete(one.id);
    expect((await client.files.retrieve(other.id)).id).toBe(other.id);
  });

  test('come in pages', async () => {
    const made = await Promise.all(['1', '2', '3'].map((text) => upload(`${text}.txt`, `page ${text}`)));
    const listed = await idsOf(client.files.list({ limit: 2 }));
    expect(listed).toEqual(expect.arrayContaining(made.map(({ id }) => id)));
    expect(new Set(listed).size).toBe(listed.length);
  });

  test('that are none are refused', async () => {
    const form = new FormData();
    form.set('purpose', 'assistants');
    const response = await bed.fetch(`${bed.baseURL}/files`, { method: 'POST', body: form });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { param: 'file' } });
  });
});

describe('vector stores', () => {
  test('are collections: made, filled, searched, asked, changed, emptied and deleted', async () => {
    const store = await client.vectorStores.create({ name: 'Boilers', metadata: { owner: 'ada' } });
    expect(store).toMatchObject({ name: 'Boilers', status: 'completed', file_counts: { total: 0 } });
    expect(await idsOf(client.models.list())).toContain('limner/Boilers');
    const made = await client.vectorStores.files.uploadAndPoll(
      store.id,
      await toFile(Buffer.from('The warranty of the boiler ends in May.'), 'boiler.txt'),
      { pollIntervalMs },
    );
    expect(made).toMatchObject({ status: 'completed', last_error: null, vector_store_id: store.id });
    expect(await client.vectorStores.retrieve(store.id)).toMatchObject({
      usage_bytes: 39,
      file_counts: { completed: 1, total: 1 },
    });

    const found = await client.vectorStores.search(store.id, { query: 'When does the warranty end?' });
    expect(found.data).toMatchObject([
      {
        file_id: made.id,
        filename: 'boiler.txt',
        content: [{ type: 'text', text: 'The warranty of the boiler ends in May.' }],
      },
    ]);
    const tool = { type: 'file_search' as const, vector_store_ids: [store.id] };
    const response = await client.responses.create({
      model: 'qwen3:4b',
      input: 'When does the warranty of the boiler end?',
      tools: [tool],
      include: ['file_search_call.results'],
    });
    expect(response.output[0]).toMatchObject({ results: [{ file_id: made.id }] });
    const { choices } = await client.chat.completions.create({
      model: 'limner/Boilers',
      messages: [{ role: 'user', content: 'When does the warranty of the boiler end?' }],
    });
    expect(choices[0]?.message.annotations).toHaveLength(1);

    const content = await client.vectorStores.files.content(made.id, { vector_store_id: store.id });
    expect(content.data).toMatchObject([{ text: 'The warranty of the boiler ends in May.' }]);
    expect(
      await client.vectorStores.update(store.id, { name: 'Heating', metadata: { owner: 'bob' } }),
    ).toMatchObject({ id: store.id, name: 'Heating', metadata: { owner: 'bob' } });

    await client.vectorStores.files.delete(made.id, { vector_store_id: store.id });
    await expect(client.vectorStores.files.retrieve(made.id, { vector_store_id: store.id })).rejects.toThrow(
      NotFoundError,
    );
    expect((await client.files.retrieve(made.id)).id).toBe(made.id);
    expect(await client.vectorStores.delete(store.id)).toMatchObject({ deleted: true });
    await expect(client.vectorStores.retrieve(store.id)).rejects.toThrow(NotFoundError);
  });

  test('are there for every collection', async () => {
    const stores = await Array.fromAsync(client.vectorStores.list());
    const ice = stores.find(({ name }) => name === 'ice');
    const response = await client.responses.create({
      model: 'limner',
      input: QUESTION,
      tools: [{ type: 'file_search', vector_store_ids: [ice?.id ?? ''] }],
    });
    expect(response.output_text).toBe(ANSWER);
  });

  test('that are folders of the inbox are their owner’s: nothing in them is moved or deleted', async () => {
    await mkdir(join(bed.service.inbox, 'papers'));
    await writeFile(join(bed.service.inbox, 'papers', 'lease.txt'), 'The lease ends in June.');
    const papers = await until(
      async () => (await Array.fromAsync(client.vectorStores.list())).find(({ name }) => name === 'papers'),
      'the store of the folder',
    );
    const [file] = await Array.fromAsync(client.vectorStores.files.list(papers.id));
    const id = file?.id ?? '';
    const other = await client.vectorStores.create({ name: 'elsewhere' });
    for (const forbidden of [
      client.vectorStores.delete(papers.id),
      client.vectorStores.files.delete(id, { vector_store_id: papers.id }),
      client.vectorStores.files.create(other.id, { file_id: id }),
      client.files.delete(id),
    ])
      await expect(forbidden).rejects.toMatchObject({ status: 409, code: 'conflict' });
    expect((await client.vectorStores.files.retrieve(id, { vector_store_id: papers.id })).id).toBe(id);
  });

  test('are filled by batches, with attributes', async () => {
    const store = await client.vectorStores.create({});
    const files = await Promise.all([
      upload('one.txt', 'The red key opens the cellar.'),
      upload('two.txt', 'The red key opens the attic.'),
    ]);
    const batch = await client.vectorStores.fileBatches.createAndPoll(
      store.id,
      { files: files.map(({ id }, at) => ({ file_id: id, attributes: { floor: at, house: 'north' } })) },
      { pollIntervalMs },
    );
    expect(batch).toMatchObject({ status: 'completed', file_counts: { completed: 2, total: 2 } });
    const inBatch = client.vectorStores.fileBatches.listFiles(batch.id, { vector_store_id: store.id });
    expect((await idsOf(inBatch)).toSorted()).toEqual(files.map(({ id }) => id).toSorted());
    const listed = await Array.fromAsync(client.vectorStores.files.list(store.id, { filter: 'completed' }));
    expect(listed.map(({ attributes }) => attributes)).toEqual(
      expect.arrayContaining([
        { floor: 0, house: 'north' },
        { floor: 1, house: 'north' },
      ]),
    );
    const changed = await client.vectorStores.files.update(files[0]?.id ?? '', {
      vector_store_id: store.id,
      attributes: { floor: 7 },
    });
    expect(changed.attributes).toEqual({ floor: 7 });
    const found = await client.vectorStores.search(store.id, {
      query: 'What does the red key open?',
      filters: {
        type: 'and',
        filters: [
          { type: 'gte', key: 'floor', value: 1 },
          { type: 'eq', key: 'house', value: 'north' },
        ],
      },
    });
    expect(found.data.map(({ filename, attributes }) => [filename, attributes])).toEqual([
      ['two.txt', { floor: 1, house: 'north' }],
    ]);
    const response = await client.responses.create({
      model: 'limner',
      input: 'What does the red key open?',
      include: ['file_search_call.results'],
      tools: [
        {
          type: 'file_search',
          vector_store_ids: [store.id],
          filters: { type: 'eq', key: 'floor', value: 7 },
          max_num_results: 5,
        },
      ],
    });
    expect(response.output[0]).toMatchObject({ results: [{ filename: 'one.txt' }] });
    const none = client.vectorStores.search(store.id, {
      query: 'key',
      filters: { type: 'eq', key: 'nowhere', value: 1 },
    });
    await expect(none).rejects.toThrow(/No document has the field nowhere/);
    const cancelled = await client.vectorStores.fileBatches.cancel(batch.id, { vector_store_id: store.id });
    expect(cancelled.status).toBe('cancelled');
  });

  test('of one name stay apart', async () => {
    const [one, other] = [
      await client.vectorStores.create({ name: 'twin' }),
      await client.vectorStores.create({ name: 'twin' }),
    ];
    expect(one.id).not.toBe(other.id);
    expect(await idsOf(client.vectorStores.list({ limit: 2 }))).toEqual(
      expect.arrayContaining([one.id, other.id]),
    );
  });

  test('a file that cannot be read says why, and one that is elsewhere is not taken', async () => {
    const store = await client.vectorStores.create({ name: 'broken' });
    const bad = await client.vectorStores.files.uploadAndPoll(
      store.id,
      await toFile(Buffer.from('%PDF-1.7 broken'), 'broken.pdf'),
      { pollIntervalMs },
    );
    expect(bad).toMatchObject({ status: 'failed', last_error: { code: 'invalid_file' } });
    const other = await client.vectorStores.create({ name: 'other' });
    const taken = client.vectorStores.files.create(other.id, { file_id: bad.id });
    await expect(taken).rejects.toThrow(APIError);
    await expect(taken).rejects.toMatchObject({ status: 409 });
    await expect(client.vectorStores.files.create(other.id, { file_id: 'file-none' })).rejects.toThrow(
      NotFoundError,
    );
  });
});

describe('of several files of which one cannot be put in', () => {
  test('none is, and no store is made', async () => {
    const [free, taken] = [await upload('free.txt', 'free'), await upload('taken.txt', 'taken')];
    await client.vectorStores.create({ name: 'holder', file_ids: [taken.id] });
    const conflict = { status: 409, code: 'conflict', param: 'file_id' };
    const both = [free.id, taken.id];
    await expect(client.vectorStores.create({ name: 'never', file_ids: both })).rejects.toMatchObject(
      conflict,
    );
    const stores = await Array.fromAsync(client.vectorStores.list());
    expect(stores.map(({ name }) => name)).not.toContain('never');
    const other = await client.vectorStores.create({ name: 'other' });
    const batch = client.vectorStores.fileBatches.create(other.id, { file_ids: both });
    await expect(batch).rejects.toMatchObject(conflict);
    expect((await client.vectorStores.retrieve(other.id)).file_counts.total).toBe(0);
  });
});

describe('a list that is asked for what comes after something', () => {
  const refused = { status: 400, code: 'invalid_request', param: 'after' };

  test('unknown is refused and does not begin anew', async () => {
    const store = await client.vectorStores.create({ name: 'paged' });
    const files = await Promise.all(['x', 'y', 'z'].map((name) => upload(`${name}.txt`, `paged ${name}`)));
    const ids = files.map(({ id }) => id);
    const batch = await client.vectorStores.fileBatches.create(store.id, { file_ids: ids });
    const response = await client.responses.create({ model: 'limner', input: QUESTION });
    const after = 'file-unknown';
    const inBatch = { vector_store_id: store.id };
    await expect(client.files.list({ after }).withResponse()).rejects.toMatchObject(refused);
    await expect(client.vectorStores.list({ after }).withResponse()).rejects.toMatchObject(refused);
    const ofStore = client.vectorStores.files.list(store.id, { after });
    await expect(ofStore.withResponse()).rejects.toMatchObject(refused);
    const ofBatch = client.vectorStores.fileBatches.listFiles(batch.id, { ...inBatch, after });
    await expect(ofBatch.withResponse()).rejects.toMatchObject(refused);
    const ofInput = client.responses.inputItems.list(response.id, { after });
    await expect(ofInput.withResponse()).rejects.toMatchObject(refused);

    const inOrder = await idsOf(
      client.vectorStores.fileBatches.listFiles(batch.id, { ...inBatch, limit: 1 }),
    );
    expect(inOrder).toEqual(ids);
    expect((await idsOf(client.vectorStores.files.list(store.id, { limit: 1 }))).toSorted()).toEqual(
      ids.toSorted(),
    );
    expect(await idsOf(client.vectorStores.list({ limit: 1 }))).toContain(store.id);
  });

  test('that was taken away meanwhile goes on where it was', async () => {
    const store = await client.vectorStores.create({ name: 'emptied' });
    for (const name of ['p', 'q', 'r', 's'])
      await client.vectorStores.files.upload(
        store.id,
        await toFile(Buffer.from(`emptied ${name}`), `${name}.txt`),
      );
    let seen = 0;
    for await (const { id } of client.vectorStores.files.list(store.id, { limit: 2 })) {
      await client.files.delete(id);
      seen += 1;
    }
    expect(seen).toBe(4);
  });

  test('of what a response was asked comes in pages, in both orders', async () => {
    const input = ['one', 'two', QUESTION].map((content) => ({ role: 'user' as const, content }));
    const { id } = await client.responses.create({ model: 'limner', input });
    const newest = await idsOf(client.responses.inputItems.list(id, { limit: 1 }));
    expect(newest).toHaveLength(3);
    expect(await idsOf(client.responses.inputItems.list(id, { limit: 2, order: 'asc' }))).toEqual(
      newest.toReversed(),
    );
  });
});

test('a DELETE that says it is JSON and has no body is taken, as OpenAI’s client for Python sends it', async () => {
  const file = await upload('gone.txt', 'soon gone');
  const headers = { 'content-type': 'application/json' };
  const url = `${bed.baseURL}/files/${file.id}`;
  expect((await bed.fetch(url, { method: 'DELETE', headers })).status).toBe(200);
  expect((await bed.fetch(`${bed.baseURL}/chat/completions`, { method: 'POST', headers })).status).toBe(400);
});

test('transcriptions are not there, and say so', async () => {
  const file = await toFile(Buffer.from('RIFF'), 'speech.wav');
  await expect(client.audio.transcriptions.create({ file, model: 'whisper-1' })).rejects.toMatchObject({
    status: 503,
    code: 'model_unavailable',
  });
});
