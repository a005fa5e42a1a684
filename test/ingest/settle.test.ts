import { afterEach, describe, expect, it } from 'vitest';
import type { Look } from '../../src/ingest/inbox.ts';
import { createSettleTracker, type Settled } from '../../src/ingest/settle.ts';
import { until } from '../until.ts';

const QUIET_MS = 60;
const ABSENT: Look = { kind: 'absent' };
const file = (signature: string): Look => ({ kind: 'file', signature, bytes: signature.length });

let tracker: ReturnType<typeof createSettleTracker> | undefined;
afterEach(() => tracker?.close());

interface Happened {
  what: 'seen' | 'settled' | 'error';
  uri: string;
  look?: Look;
  at: number;
}

/** A tracker whose paths look as `look` says, and what it told. `looks` counts the looks taken. */
function track(look: (path: string) => Look | Promise<Look>, onSettled?: (one: Settled) => Promise<void>) {
  const told: Happened[] = [];
  const counts = { looks: 0 };
  const tell = (what: Happened['what'], uri: string, seen?: Look): void =>
    void told.push({ what, uri, ...(seen && { look: seen }), at: performance.now() });
  tracker = createSettleTracker({
    quietMs: QUIET_MS,
    look: async (path) => {
      counts.looks++;
      return look(Buffer.from(path).toString());
    },
    onSeen: ({ uri, look }) => tell('seen', uri, look),
    onSettled: async (settled) => {
      await onSettled?.(settled);
      tell('settled', settled.uri, settled.look);
    },
    onError: (uri) => tell('error', uri),
  });
  return { tracker, told, counts, of: (what: Happened['what']) => told.filter((one) => one.what === what) };
}

const path = (name: string): Buffer => Buffer.from(name);

describe('a path', () => {
  it('settles when two looks that far apart agree, and is seen once before', async () => {
    const { tracker, told, of } = track(() => file('1'));
    const since = performance.now();
    tracker.observe('a', path('a'));
    tracker.observe('a', path('a'));
    await until(() => of('settled').length, 'settling');
    expect(told.map(({ what }) => what)).toEqual(['seen', 'settled']);
    expect(performance.now() - since).toBeGreaterThanOrEqual(QUIET_MS);
    expect([tracker.size(), tracker.has('a')]).toEqual([0, false]);
  });

  it('is held while it grows, however long', async () => {
    let size = 0;
    let growing = true;
    const { tracker, counts, of } = track(() => file(growing ? `${++size}` : 'done'));
    tracker.observe('a', path('a'));
    await until(() => counts.looks >= 6, 'six looks at a growing file');
    expect([of('settled').length, tracker.size()]).toEqual([0, 1]);
    growing = false;
    await until(() => of('settled').length, 'settling');
    expect(of('settled')[0]?.look).toEqual(file('done'));
    expect(of('seen')).toHaveLength(1);
  });

  it('begins anew when it is replaced by a file of the same size', async () => {
    const looks = [file('x'), file('y'), file('y')];
    const { tracker, counts, of } = track(() => looks[counts.looks - 1] ?? file('y'));
    tracker.observe('a', path('a'));
    await until(() => of('settled').length, 'settling');
    expect([counts.looks, of('settled')[0]?.look]).toEqual([3, file('y')]);
  });

  it('that vanishes settles as absent; one that comes back in time is never absent', async () => {
    const { tracker, counts, of } = track((name) =>
      name === 'gone' || counts.looks <= 2 ? ABSENT : file('back'),
    );
    tracker.observe('gone', path('gone'));
    tracker.observe('back', path('back'));
    await until(() => of('settled').length === 2, 'both settling');
    const settled = new Map(of('settled').map(({ uri, look }) => [uri, look]));
    expect(settled.get('gone')).toEqual(ABSENT);
    expect(settled.get('back')).toEqual(file('back'));
  });

  it('that a scan has looked at is seen at once and needs one more look', async () => {
    const { tracker, counts, of } = track(() => file('1'));
    tracker.observe('a', path('a'), file('1'));
    expect(of('seen')).toHaveLength(1);
    await until(() => of('settled').length, 'settling');
    expect([counts.looks, of('seen').length]).toEqual([1, 1]);
  });

  it('that comes while another waits is not held up by it', async () => {
    const { tracker, of } = track(() => file('1'));
    tracker.observe('first', path('first'), file('1'));
    const since = performance.now();
    tracker.observe('second', path('second'));
    const seen = await until(() => of('seen').find(({ uri }) => uri === 'second'), 'the second being seen');
    expect(seen.at - since).toBeLessThan(QUIET_MS - 10);
  });

  it('may be observed again as soon as it has settled', async () => {
    const { tracker, of } = track(() => file('1'));
    tracker.observe('a', path('a'));
    await until(() => of('settled').length === 1, 'settling');
    tracker.observe('a', path('a'));
    await until(() => of('settled').length === 2, 'settling again');
  });
});

it('counts a path until it is handed on', async () => {
  const handing = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const { tracker, of } = track(
    () => file('1'),
    () => {
      handing.resolve();
      return release.promise;
    },
  );
  tracker.observe('a', path('a'));
  await handing.promise;
  expect([tracker.size(), tracker.has('a')]).toEqual([1, false]);
  release.resolve();
  await until(() => of('settled').length, 'settling');
  await until(() => tracker.size() === 0, 'the count');
});

describe('trouble', () => {
  it('with a look is told, and the path stays watched', async () => {
    const { tracker, counts, of } = track(() => {
      if (counts.looks <= 2) throw new Error('no look');
      return file('1');
    });
    tracker.observe('a', path('a'));
    await until(() => of('settled').length, 'settling after errors');
    expect(of('error')).toHaveLength(2);
  });

  it('with handing on is told, and it is handed on again', async () => {
    let tries = 0;
    const { tracker, of } = track(
      () => file('1'),
      async () => {
        if (++tries === 1) throw new Error('disk full');
      },
    );
    tracker.observe('a', path('a'));
    await until(() => of('settled').length, 'settling');
    expect([of('error').length, tries]).toEqual([1, 2]);
  });

  it('of one path does not hold up the others', async () => {
    const { tracker, of } = track((name) => {
      if (name === 'bad') throw new Error('no look');
      return file('1');
    });
    for (const name of ['bad', 'b', 'c']) tracker.observe(name, path(name));
    await until(() => of('settled').length === 2, 'the others settling');
    expect(tracker.has('bad')).toBe(true);
  });
});

it('settles many thousands, each once', async () => {
  const { tracker, of } = track((name) => file(name));
  for (let n = 0; n < 5000; n++) tracker.observe(`f${n}`, path(`f${n}`));
  await until(() => tracker.size() === 0, 'all settling');
  expect(new Set(of('settled').map(({ uri }) => uri)).size).toBe(5000);
  expect([of('settled').length, of('seen').length]).toEqual([5000, 5000]);
});

it('looks no more once it is closed, and waits for the look under way', async () => {
  const looking = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const { tracker, counts } = track(async () => {
    looking.resolve();
    await release.promise;
    return file('1');
  });
  tracker.observe('a', path('a'));
  await looking.promise;
  let closed = false;
  const closing = tracker.close().then(() => (closed = true));
  expect(closed).toBe(false);
  release.resolve();
  await closing;
  tracker.observe('b', path('b'));
  expect([tracker.has('b'), counts.looks]).toEqual([false, 1]);
});
