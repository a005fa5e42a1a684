import { describe, expect, test } from 'vitest';
import { createWiden } from '../../src/ask/context.ts';
import { exactCitation } from '../../src/ask/exact.ts';
import { toCitation } from '../../src/ask/cite.ts';
import { chunkSections } from '../../src/ingest/chunk.ts';
import { joinSections, type Chunk, type Passage, type Section } from '../../src/document.ts';
import { passageOf } from './material.ts';

const paragraph = (name: string): string => `${name} says this. `.repeat(40).trim();

/** Ten chunks of about 800 characters, the last three under another heading. */
const SECTIONS: Section[] = [
  { text: Array.from({ length: 7 }, (_, at) => paragraph(`First part ${at}`)).join('\n\n'), page: 1 },
  {
    text: Array.from({ length: 3 }, (_, at) => paragraph(`Second part ${at}`)).join('\n\n'),
    page: 2,
    headings: ['Second'],
  },
];
const TEXT = joinSections(SECTIONS);
const CHUNKS = [...chunkSections({ sections: SECTIONS })];

function hit(ordinal: number, id = 'd1'): Passage {
  const chunk = CHUNKS[ordinal];
  if (!chunk) throw new Error(`There is no chunk ${ordinal}.`);
  return passageOf({ id, ...chunk });
}

const widen = createWiden({
  store: {
    chunks: async (_, { offset, limit }): Promise<Chunk[]> => CHUNKS.slice(offset, offset + limit),
  },
});

describe('what is read of a hit', () => {
  test('is the text around it, and what is cited stays the hit', async () => {
    const [passage, ...others] = await widen([hit(2)], 10_000);
    expect(others).toEqual([]);
    expect(passage).toMatchObject(hit(2));
    const [start, end] = passage?.context?.span ?? [0, 0];
    expect([start, end]).toEqual([CHUNKS[0]?.span[0], CHUNKS[4]?.span[1]]);
    expect(passage?.context?.text).toBe(TEXT.slice(start, end));
  });

  test('ends where another heading begins', async () => {
    const [passage] = await widen([hit(6)], 10_000);
    expect(passage?.context?.span).toEqual([CHUNKS[4]?.span[0], CHUNKS[6]?.span[1]]);
  });

  test('keeps to the tokens: hits come first, then the neighbours of the best', async () => {
    const hits = [hit(5), hit(1), hit(8)];
    const each = Math.ceil(Buffer.byteLength(hit(1).text) / 3) + 60;
    const passages = await widen(hits, 3 * each + 400);
    expect(passages.map(({ ordinal }) => ordinal)).toEqual([5, 1, 8]);
    expect(passages.map(({ context }) => context?.chunks.length)).toEqual([2, undefined, undefined]);
    expect((await widen(hits, 2 * each)).map(({ ordinal }) => ordinal)).toEqual([5, 1]);
  });

  test('is the best hit, cut, when there is room for nothing else', async () => {
    const [passage, ...others] = await widen([hit(3), hit(5)], 150);
    expect(others).toEqual([]);
    expect(passage).toMatchObject({ text: hit(3).text, span: hit(3).span });
    expect(passage?.context?.text).toBe(hit(3).text.slice(0, 300));
    expect((await widen([hit(3)], -500))[0]?.context?.text).toHaveLength(300);
  });

  test('hits that touch are one passage, in the place of the better', async () => {
    const passages = await widen([hit(8, 'd2'), hit(3), hit(2), hit(4)], 4 * 400);
    expect(passages.map(({ document, ordinal }) => [document.id, ordinal])).toEqual([
      ['d2', 8],
      ['d1', 3],
    ]);
    expect(passages[1]?.context?.span).toEqual([CHUNKS[2]?.span[0], CHUNKS[4]?.span[1]]);
  });

  test('hits on two sides of a border stay two', async () => {
    const passages = await widen([hit(6), hit(7)], 10_000);
    expect(passages.map(({ ordinal }) => ordinal)).toEqual([6, 7]);
  });

  test('nothing for nothing', async () => {
    expect(await widen([], 1000)).toEqual([]);
  });
});

describe('the citation of a passage that was read with its neighbours', () => {
  async function exact(said: string) {
    const [passage] = await widen([hit(2)], 10_000);
    if (!passage) throw new Error('unreachable');
    const at = said.indexOf('[1]');
    return exactCitation(toCitation('', passage, 1), said, { number: 1, start: at, end: at + 3 }, '');
  }

  test('opens the neighbour that the words come from', async () => {
    const citation = await exact('Something else. First part 4 says this [1].');
    expect(citation.url).toBe(`/documents/d1?mark=${CHUNKS[4]?.span.join('-')}#page=1`);
    expect(citation).toMatchObject({ marker: 1, passage: { text: CHUNKS[4]?.text, span: CHUNKS[4]?.span } });
  });

  test('reads the whole sentence, abbreviations and all', async () => {
    const citation = await exact('Something else. First part 4, as Dr. Abe knows, says this [1].');
    expect(citation.passage.ordinal).toBe(4);
  });

  test.each(['First part 2 says this [1].', 'Nothing of the kind [1].', '[1]'])(
    'opens the hit where no neighbour has more of them: %s',
    async (said) => {
      expect((await exact(said)).passage.ordinal).toBe(2);
    },
  );
});
