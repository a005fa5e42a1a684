import { proseOf, readingText, type Passage } from '../document.ts';
import { ENGLISH, type Language } from '../store/language.ts';
import { queryTerms, tokenize } from '../store/tokenize.ts';
import { quotableIn } from './quotable.ts';

/** Sentences of a passage that are quoted, at most. */
const QUOTED_SENTENCES = 2;

/** Words that an answer must share with a passage to be credited to it, as a share of the answer's words. */
const CREDIT_SHARE = 0.5;

/** A passage is quoted when it shares at least this much of what the best one shares with the question. */
const QUOTE_SHARE = 0.6;

/** The passages, at most `limit`, that are worth quoting for the question, each with its number. */
export function worthQuoting(
  question: string,
  passages: readonly Passage[],
  limit: number,
  language = ENGLISH,
): { passage: Passage; number: number }[] {
  const asked = new Set(queryTerms(question, language));
  const shared = passages.map(({ text }) => sharedWith(asked, text, language));
  const enough = Math.max(...shared, 0) * QUOTE_SHARE;
  return passages
    .map((passage, at) => ({ passage, number: at + 1 }))
    .filter(({ number }) => (shared[number - 1] ?? 0) >= enough)
    .slice(0, limit);
}

/** The sentences of the passage that share most with the question, in their order; a row of a table is one. */
export function bestSentences(question: string, passage: Passage, language = ENGLISH): string {
  const asked = new Set(queryTerms(question, language));
  const all = quotableIn(proseOf(passage.text), passage.headings);
  const told = all.filter(({ isHeading }) => !isHeading);
  const sentences = told.length > 0 ? told : all;
  const ranked = sentences
    .map(({ words }, at) => ({ at, shared: sharedWith(asked, words, language) }))
    .sort((one, other) => other.shared - one.shared || one.at - other.at)
    .slice(0, QUOTED_SENTENCES)
    .filter(({ shared }, rank) => rank === 0 || shared > 0);
  return ranked
    .map(({ at }) => at)
    .sort((one, other) => one - other)
    .map((at) => sentences[at]?.shown)
    .join(' … ');
}

function sharedWith(asked: ReadonlySet<string>, sentence: string, language: Language): number {
  return new Set(tokenize(sentence, language)).intersection(asked).size;
}

/**
 * Numbers of the passages that an answer without markers speaks from: those that hold most of its words.
 * None for an answer that shares little with any passage, as a refusal does.
 */
export function creditPassages(answer: string, passages: readonly Passage[], language = ENGLISH): number[] {
  const words = new Set(queryTerms(answer, language));
  if (words.size < 3) return [];
  const shares = passages.map((passage, at) => ({
    number: at + 1,
    share: new Set(tokenize(readingText(passage), language)).intersection(words).size / words.size,
  }));
  const best = shares.reduce((one, other) => (other.share > one.share ? other : one), {
    number: 0,
    share: 0,
  });
  return best.share >= CREDIT_SHARE ? [best.number] : [];
}
