import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { createKeys } from '../../src/api/keys.ts';
import { openDatabase } from '../../src/sqlite.ts';

const folder = await mkdtemp(join(tmpdir(), 'limner-guess-'));
const database = openDatabase(join(folder, 'test.sqlite'));
afterAll(async () => {
  await database.close();
  await rm(folder, { recursive: true });
});
const keys = createKeys(database);
const { key } = await keys.add({ name: 'x', scopes: ['read'] });
const flip = (text: string): string => (text.startsWith('A') ? 'B' : 'A');
const secretAt = key.indexOf('_', 4) + 1;
/** One is wrong from its first sign on, the other in its last alone. */
const FIRST = key.slice(0, secretAt) + flip(key.slice(secretAt)) + key.slice(secretAt + 1);
const LAST = key.slice(0, -1) + flip(key.slice(-1));

/** Welch's t of the times of both, the slowest tenth left out: that is other work of the machine. */
function difference(rounds: number): number {
  const times: [number[], number[]] = [[], []];
  for (let at = 0; at < rounds; at++) {
    const which = Math.random() < 0.5 ? 0 : 1;
    const since = process.hrtime.bigint();
    keys.find(which === 0 ? FIRST : LAST);
    times[which].push(Number(process.hrtime.bigint() - since));
  }
  const [one, other] = times.map((all) => {
    const kept = all.toSorted((a, b) => a - b).slice(0, Math.floor(all.length * 0.9));
    const mean = kept.reduce((sum, time) => sum + time, 0) / kept.length;
    const variance = kept.reduce((sum, time) => sum + (time - mean) ** 2, 0) / (kept.length - 1);
    return { mean, error: variance / kept.length };
  });
  if (!one || !other) throw new Error('nothing was measured');
  return (one.mean - other.mean) / Math.sqrt(one.error + other.error);
}

test('the time of a wrong key does not tell how much of it is right', () => {
  expect([keys.find(FIRST), keys.find(LAST)]).toEqual([undefined, undefined]);
  expect(keys.find(key)?.scopes).toEqual(['read']);
  difference(2000);
  // A machine with other work may look like a difference once; a comparison that leaks does every time.
  const rounds = Array.from({ length: 5 }, () => Math.abs(difference(20_000)));
  expect(Math.min(...rounds), rounds.join(' ')).toBeLessThan(4.5);
});
