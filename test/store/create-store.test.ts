import { expect, test } from 'vitest';
import { createStore, kindInForce, putInForce } from '../../src/store/create-store.ts';
import { chunksOf, documentOf } from './material.ts';
import { fakeQdrant, optionsFor, temporaryDatabase } from './qdrant-bed.ts';

async function bed() {
  const fake = await fakeQdrant();
  const database = await temporaryDatabase();
  const without = { qdrant: undefined, language: 'en' };
  return { database, without, with: { qdrant: optionsFor(fake.url), language: 'en' } };
}

test('Qdrant is in force where it is given before there are passages', async () => {
  const { database, with: given, without } = await bed();
  const { store, state } = await createStore(given, database);
  await store.replace(documentOf(), chunksOf('one'));
  expect(await state()).toMatchObject({ kind: 'qdrant', state: 'ready', chunks: 1, version: '1.19.0' });
  await expect(createStore(without, database)).rejects.toMatchObject({
    code: 'invalid_config',
    message: expect.stringContaining('set QDRANT_URL'),
  });
});

test('passages that are in the embedded store keep it in force, and it says so', async () => {
  const { database, with: given, without } = await bed();
  const first = await createStore(without, database);
  await first.store.replace(documentOf(), chunksOf('one'));
  await first.store.close();
  const { kind, state, store } = await createStore(given, database);
  expect(kind).toBe('embedded');
  expect((await state()).message).toContain('limner store move --to qdrant');
  await store.close();
  await putInForce(database, 'qdrant');
  expect(kindInForce(given, database)).toBe('qdrant');
});

test('Qdrant that was tried and never had a passage is left by taking its address away', async () => {
  const { database, with: given, without } = await bed();
  expect((await createStore(given, database)).kind).toBe('qdrant');
  const { kind, store } = await createStore(without, database);
  expect(kind).toBe('embedded');
  // Nothing is there yet: its address may come back.
  expect(kindInForce(given, database)).toBe('qdrant');
  await store.replace(documentOf(), chunksOf('one'));
  await store.close();
  expect(kindInForce(given, database)).toBe('embedded');
});
