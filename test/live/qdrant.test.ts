import { randomBytes } from 'node:crypto';
import { describe, onTestFinished } from 'vitest';
import type { Store } from '../../src/store/store.ts';
import { testHistories } from '../store/contract-histories.ts';
import { testStore } from '../store/contract.ts';
import { openQdrant } from '../store/qdrant-bed.ts';

const url = process.env['QDRANT_URL'] ?? '';
const key = process.env['QDRANT_API_KEY'];
const [shards, replicas] = ['QDRANT_SHARDS', 'QDRANT_REPLICAS'].map((name) => {
  const value = process.env[name];
  return value === undefined ? undefined : Number(value);
});

/** A cluster agrees on a new collection before it answers. */
const PATIENT = { timeoutMs: 20_000, tries: 3, firstWaitMs: 100 };

/** The contract against a real server; every test makes a collection of its own and removes it. */
describe.skipIf(url === '')('a real Qdrant (needs QDRANT_URL)', () => {
  testStore(`Qdrant at ${url}`, open);
  testHistories(open);
});

async function open(): Promise<Store> {
  const collection = `limner_test_${randomBytes(4).toString('hex')}`;
  const { store } = await openQdrant(url, { collection, key, shards, replicas }, PATIENT);
  onTestFinished(() => store.drop());
  return store;
}
