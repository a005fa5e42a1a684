import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { LimnerError, type ErrorCode } from '../../src/errors.ts';
import type { DocumentEmbedder } from '../../src/ingest/embed.ts';
import { until } from '../until.ts';
import type { Bed } from './bed.ts';
import { bed, eachWithItsOwn, open as openBed } from './own-bed.ts';

eachWithItsOwn();

/** Another direction for every text. */
function vectorOf(text: string): Float32Array {
  const angle = Buffer.from(text).reduce((sum, byte, at) => sum + byte * (at + 1), 0);
  return new Float32Array([Math.cos(angle), Math.sin(angle), 0, 0]);
}

interface FakeEmbedder {
  /** Undefined means that it is away. */
  identity: string | undefined;
  /** The texts of each request. */
  batches: string[][];
  /** How often a text was asked for while it was being embedded already. */
  twice: number;
  embedder: DocumentEmbedder;
}

/** `before` may throw or wait; it runs while the texts are being embedded. */
function fakeEmbedder(
  before: (texts: readonly string[]) => Promise<void> | void = () => undefined,
): FakeEmbedder {
  const busy = new Set<string>();
  async function documents(texts: readonly string[]): Promise<Float32Array[]> {
    fake.batches.push([...texts]);
    for (const text of texts) if (busy.has(text)) fake.twice++;
    for (const text of texts) busy.add(text);
    try {
      await nextTurn();
      await before(texts);
      return texts.map(vectorOf);
    } finally {
      for (const text of texts) busy.delete(text);
    }
  }
  const fake: FakeEmbedder = {
    identity: 'one',
    batches: [],
    twice: 0,
    embedder: {
      ready: () => (fake.identity === undefined ? undefined : { identity: fake.identity }),
      documents,
    },
  };
  return fake;
}

const fail = (code: ErrorCode): never => {
  throw new LimnerError(code, 'On purpose.');
};

async function open(fake: ReturnType<typeof fakeEmbedder>, batch = 8): Promise<Bed> {
  return openBed({ embedder: fake.embedder, batch });
}

async function putMany(count: number, text = (n: number): string => `text number ${n}`): Promise<void> {
  for (let n = 0; n < count; n++) await bed.put(`f${n}.txt`, text(n));
  await bed.scan();
}

/** Waits until the ledger itself, not only the store, says that every document has this many vectors. */
const untilVectors = (count: number): Promise<unknown> =>
  until(() => bed.all().every(({ vectors }) => vectors === count), `${count} vectors each in the ledger`);

/** What the store holds is what the ledger says. */
async function expectTrueCounts(): Promise<void> {
  for (const { id, chunks, vectors } of bed.all())
    expect(await bed.store.count(id)).toEqual({ chunks, vectors });
}

describe('embedding', () => {
  it('fills batches across documents, and never embeds a chunk twice', async () => {
    const fake = fakeEmbedder();
    fake.identity = undefined;
    await open(fake);
    await putMany(40);
    expect(bed.all().every(({ state, vectors }) => state === 'searchable' && vectors === 0)).toBe(true);
    fake.identity = 'one';
    bed.embedding?.wake();
    await untilVectors(1);
    expect(fake.batches.map(({ length }) => length)).toEqual([8, 8, 8, 8, 8]);
    expect(new Set(fake.batches.flat()).size).toBe(40);
    expect(fake.twice).toBe(0);
    await expectTrueCounts();
  });

  it('keeps up with documents that come all the time, and the ledger tells the truth', async () => {
    const fake = fakeEmbedder();
    await open(fake);
    await putMany(120);
    await untilVectors(1);
    expect(fake.twice).toBe(0);
    await expectTrueCounts();
  });

  it('counts the vectors of documents that share a text with another', async () => {
    const fake = fakeEmbedder();
    fake.identity = undefined;
    await open(fake, 2);
    await putMany(20, () => 'the same text');
    await bed.put('other.txt', 'another text');
    await bed.scan();
    fake.identity = 'one';
    bed.embedding?.wake();
    await untilVectors(1);
    expect(fake.batches.flat().length).toBeLessThan(10);
    await expectTrueCounts();
  });

  it('counts vectors that came before the ledger knew of the chunks', async () => {
    const fake = fakeEmbedder();
    await openBed({
      embedder: fake.embedder,
      stored: async () => {
        bed.embedding?.wake();
        await until(async () => (await bed.store.totals()).vectors === 1, 'the vector in the store');
        await until(() => bed.all()[0]?.vectors === 1, 'the vector being counted');
      },
    });
    await putMany(1);
    await untilVectors(1);
    await expectTrueCounts();
  });

  it('keeps the vectors of a moved file', async () => {
    const fake = fakeEmbedder();
    await open(fake);
    await bed.put('a.txt', 'text');
    await bed.scan();
    await untilVectors(1);
    await bed.put('b.txt', 'text');
    await bed.remove('a.txt');
    await bed.scan();
    expect(bed.get('b.txt')).toMatchObject({ vectors: 1 });
    expect(fake.batches).toEqual([['text']]);
  });
});

describe('trouble with the embedder', () => {
  it('is waited out: nothing is lost when it fails for a while', async () => {
    let calls = 0;
    const fake = fakeEmbedder(() => {
      if (++calls <= 4) fail('model_unavailable');
    });
    await open(fake);
    await putMany(20);
    await untilVectors(1);
    expect(bed.embedding?.refused()).toBe(0);
  });

  it('that is a bug is told as one, and waited out too', async () => {
    let calls = 0;
    const fake = fakeEmbedder(() => {
      if (++calls <= 2) throw new TypeError('a bug');
    });
    await open(fake);
    await putMany(3);
    await untilVectors(1);
    expect(bed.log()).toContain('in a way that is a bug');
  });

  it.each(['model_answer', 'input_too_long'] as const)(
    'with one text (%s) is found by halving; all others get their vectors',
    async (code) => {
      const fake = fakeEmbedder((texts) => {
        if (texts.some((text) => text.includes('poison'))) fail(code);
      });
      await open(fake);
      await putMany(30, (n) => (n === 11 ? 'poison' : `text number ${n}`));
      await until(() => bed.embedding?.refused() === 1, 'the poison to be found');
      await until(() => bed.all().filter(({ vectors }) => vectors === 1).length === 29, 'the others');
      const calls = fake.batches.length;
      await putMany(31, (n) => (n === 11 ? 'poison' : `text number ${n}`));
      await until(() => bed.get('f30.txt').vectors === 1, 'the next one');
      expect(fake.batches.slice(calls)).toEqual([['text number 30']]);
      expect(bed.get('f11.txt')).toMatchObject({ state: 'searchable', vectors: 0 });
      await expectTrueCounts();
    },
  );

  it('that gives too few vectors is rubbish, and never asked without a pause', async () => {
    const fake = fakeEmbedder();
    const whole = fake.embedder.documents;
    let calls = 0;
    fake.embedder.documents = async (texts, signal) => {
      const vectors = await whole(texts, signal);
      return ++calls <= 2 ? vectors.slice(1) : vectors;
    };
    await open(fake);
    await putMany(5);
    await untilVectors(1);
    await expectTrueCounts();
  });
});

describe('another model', () => {
  it('embeds everything anew, and the counts are those of the new one', async () => {
    const fake = fakeEmbedder();
    await open(fake);
    await putMany(20);
    await untilVectors(1);
    fake.identity = 'two';
    const before = fake.batches.flat().length;
    bed.embedding?.wake();
    await until(() => fake.batches.flat().length === before + 20, 'all being embedded again');
    await untilVectors(1);
    await until(
      async () => (await bed.store.totals('two')).vectors === 20,
      'the vectors of the second model',
    );
    await expectTrueCounts();
  });

  it('finds the vectors that it made before', async () => {
    const fake = fakeEmbedder();
    await open(fake);
    await putMany(5);
    await untilVectors(1);
    for (const identity of ['two', 'one']) {
      fake.identity = identity;
      bed.embedding?.wake();
      await until(async () => (await bed.store.totals(identity)).vectors === 5, `the vectors of ${identity}`);
    }
    expect(fake.batches.flat()).toHaveLength(10);
  });

  it('that comes while a request is under way does not get the vectors of the old one', async () => {
    const asked = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    const fake = fakeEmbedder(async () => {
      if (fake.identity !== 'one') return;
      asked.resolve();
      await release.promise;
    });
    await open(fake);
    await putMany(3);
    await asked.promise;
    fake.identity = 'two';
    release.resolve();
    await until(async () => (await bed.store.totals('two')).vectors === 3, 'the vectors of the second model');
    expect(bed.database.read.all('select distinct model from vector')).toEqual([{ model: 'two' }]);
    await untilVectors(1);
  });

  it('gets another chance with a text that the old one refused', async () => {
    const fake = fakeEmbedder(() => {
      if (fake.identity === 'one') fail('model_answer');
    });
    await open(fake);
    await putMany(1);
    await until(() => bed.embedding?.refused() === 1, 'the refusal');
    fake.identity = 'two';
    bed.embedding?.wake();
    await untilVectors(1);
    expect(bed.embedding?.refused()).toBe(0);
  });
});

it('ends while a request is under way', async () => {
  const asked = Promise.withResolvers<void>();
  const fake = fakeEmbedder();
  fake.embedder.documents = (_texts, signal) =>
    new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(new Error('stopped')));
      asked.resolve();
    });
  await open(fake);
  await bed.put('a.txt', 'text');
  await bed.arrivals.scan();
  await asked.promise;
  await bed.embedding?.close();
  expect(bed.log()).not.toContain('bug');
});
