import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { openDatabase, type Database } from '../../src/sqlite.ts';
import { createQdrantStore, type QdrantStore } from '../../src/store/qdrant.ts';
import type { Patience, QdrantOptions } from '../../src/store/qdrant-server.ts';
import { startFakeQdrant, type FakeQdrant } from '../fakes/qdrant.ts';

/** No test waits long for a server that is away. */
export const IMPATIENT = { timeoutMs: 2000, tries: 3, firstWaitMs: 5 };

export const optionsFor = (url: string, more: Partial<QdrantOptions> = {}): QdrantOptions => ({
  url,
  key: undefined,
  collection: 'limner',
  shards: undefined,
  replicas: undefined,
  ...more,
});

/** A fake server that ends with the test, which fails when the server was asked anything that Qdrant does not know. */
export async function fakeQdrant(): Promise<FakeQdrant> {
  const fake = await startFakeQdrant();
  onTestFinished(async () => {
    await fake.stop();
    expect(fake.complaints).toEqual([]);
  });
  return fake;
}

export async function temporaryDatabase(): Promise<Database> {
  const folder = await mkdtemp(join(tmpdir(), 'limner-qdrant-'));
  const database = openDatabase(join(folder, 'limner.sqlite'));
  onTestFinished(async () => {
    await database.close();
    await rm(folder, { recursive: true, force: true });
  });
  return database;
}

export async function openQdrant(
  url: string,
  more: Partial<QdrantOptions> = {},
  patience: Patience | undefined = IMPATIENT,
): Promise<{ store: QdrantStore; database: Database }> {
  const database = await temporaryDatabase();
  return { store: createQdrantStore(optionsFor(url, more), database, { patience }), database };
}
