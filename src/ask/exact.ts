import type { Chunk, Citation } from '../document.ts';
import { queryTerms, tokenize } from '../store/tokenize.ts';
import { toCitation, type Marker } from './cite.ts';
import { sentencesOf } from './sentences.ts';

/** How far back the words that a marker stands for may begin, in characters. */
const SENTENCE = 400;

/**
 * Narrows the citation of a passage that was read with its neighbours to the chunk that the words before the marker come
 * from, so that the link opens where they stand: the one that shares most words with them, the hit itself where none has more.
 */
export function exactCitation(citation: Citation, text: string, marker: Marker, publicUrl: string): Citation {
  const { passage } = citation;
  const { context } = passage;
  if (!context) return citation;
  const said = new Set(queryTerms(sentenceBefore(text, marker.start)));
  const shared = (chunk: Pick<Chunk, 'text'>): number =>
    new Set(tokenize(chunk.text)).intersection(said).size;
  let [best, most]: [Chunk, number] = [passage, shared(passage)];
  for (const chunk of context.chunks) if (shared(chunk) > most) [best, most] = [chunk, shared(chunk)];
  if (best.ordinal === passage.ordinal) return citation;
  const { ordinal, text: words, span, page, lines } = best;
  const { page: _page, lines: _lines, ...rest } = passage;
  const exact = {
    ...rest,
    ordinal,
    text: words,
    span,
    ...(page !== undefined && { page }),
    ...(lines && { lines }),
  };
  return toCitation(publicUrl, exact, citation.marker);
}

/** The sentence that ends at `end`, markers before it included. */
function sentenceBefore(text: string, end: number): string {
  const before = text.slice(Math.max(0, end - SENTENCE), end).replaceAll(/\[\d+\]/g, ' ');
  const line = before.trimEnd().split('\n').at(-1) ?? '';
  return sentencesOf(line).at(-1) ?? '';
}
