import { describe, expect, it } from 'vitest';
import { LEASE_MS } from '../../src/ingest/queue.ts';
import { DOCUMENT_JOB } from '../../src/ingest/worker.ts';
import { until } from '../until.ts';
import { bed, eachWithItsOwn, move, open } from './own-bed.ts';

// What happens in the very moment in which something else is looked at.

eachWithItsOwn();

it('a file that is listed while the only reader looks for another is read at once', async () => {
  const { put, queue, arrivals, calm, get } = await open({ width: 1 });
  const { claim } = queue;
  let listed: Promise<unknown> | undefined;
  await put('a.txt', 'text');
  await put('b.txt', 'other');
  // The first claim takes a.txt, the next finds nothing: both files are there, and only one is listed yet.
  let claims = 0;
  queue.claim = (kind) => {
    const claimed = claim(kind);
    if (++claims === 2) listed = arrivals.submit('b.txt', Buffer.from('b.txt'), 5);
    return claimed;
  };
  const since = performance.now();
  await arrivals.submit('a.txt', Buffer.from('a.txt'), 4);
  await until(() => listed !== undefined && calm() && bed.find('b.txt'), 'both to be read');
  expect([get('a.txt').state, get('b.txt').state]).toEqual(['searchable', 'searchable']);
  expect(performance.now() - since).toBeLessThan(LEASE_MS / 2);
});

describe('a moved file whose old place is looked at in the same moment', () => {
  const once = (what: () => Promise<unknown>) => {
    let isDue = false;
    return {
      arm: () => void (isDue = true),
      run: async () => {
        if (!isDue) return;
        isDue = false;
        await what();
      },
    };
  };

  it('is not forgotten when it takes its new place between the claim and the look', async () => {
    const moved = once(() =>
      bed.catalogue.change(bed.get('a.txt').id, (connection) =>
        bed.catalogue.set(connection, bed.get('a.txt').id, { uri: 'b.txt', path: Buffer.from('b.txt') }),
      ),
    );
    const { put, scan, get, queue, database, calm } = await open({ beginning: moved.run });
    await put('a.txt', 'text');
    await scan();
    const { id } = get('a.txt');
    await move('a.txt', 'b.txt');
    moved.arm();
    await database.write((connection) => queue.enqueue(connection, { kind: DOCUMENT_JOB, key: id }));
    queue.wake();
    await until(calm, 'the look at the old place');
    expect(get('b.txt')).toMatchObject({ id, state: 'searchable', chunks: 1 });
  });

  it('waits for that look when it begins while the store is told of the new place', async () => {
    const set = (state: 'working' | 'searchable') =>
      bed.catalogue.change(id, (connection) => bed.catalogue.set(connection, id, { state }));
    const claimed = once(() => set('working'));
    const { put, scan, get, queue, arrivals } = await open({ describing: claimed.run });
    await put('a.txt', 'text');
    await scan();
    const { id } = get('a.txt');
    await move('a.txt', 'b.txt');
    claimed.arm();
    await arrivals.submit('b.txt', Buffer.from('b.txt'), 4);
    await until(() => queue.list(0, 9).some(({ reason }) => reason === 'may have moved'), 'the wait');
    expect([get('a.txt').id, get('b.txt').chunks]).toEqual([id, 0]);
    await set('searchable');
    await scan();
    expect(get('b.txt')).toMatchObject({ id, state: 'searchable', chunks: 1 });
    expect(bed.find('a.txt')).toBeUndefined();
  });
});
