import type { Language } from './language.ts';
import { queryTerms } from './tokenize.ts';

/** Shorter words are too near to too many others; longer ones are no words. */
const WORD = /(?<![\p{L}\p{M}\p{N}])\p{Script=Latin}{5,24}(?![\p{L}\p{M}\p{N}])/gu;
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz'.split('');

/** Words of one question that are looked at, since each has some hundred neighbours. */
const MOST_WORDS = 3;

/**
 * For each word of a question that no text holds, the terms of the words that are one slip away from it: a letter
 * left out, too much, another one, or two that changed places; the first letter is taken to be right.
 */
export function likelyTerms(
  text: string,
  language: Language,
  isKnown: (term: string) => boolean,
): Set<string>[] {
  const asked = new Set(queryTerms(text, language));
  const found: Set<string>[] = [];
  for (const [word] of text.matchAll(WORD)) {
    const lower = word.toLowerCase();
    const [term] = language.stops.has(lower) ? [] : queryTerms(word, language);
    // Taken out, so that a word that is there twice is looked at once.
    if (term === undefined || !asked.delete(term) || isKnown(term)) continue;
    const meant = slips(lower).filter((slip) => !language.stops.has(slip));
    found.push(new Set(meant.flatMap((slip) => queryTerms(slip, language))));
    if (found.length === MOST_WORDS) break;
  }
  return found;
}

function slips(word: string): string[] {
  return Array.from({ length: word.length }, (_, at) =>
    slipsAt(word.slice(0, at + 1), word.slice(at + 1)),
  ).flat();
}

/** `before` ends where the slip is. */
function slipsAt(before: string, after: string): string[] {
  const [first = '', second = ''] = after;
  const added = ALPHABET.map((letter) => before + letter + after);
  if (first === '') return added;
  const rest = after.slice(1);
  const others = [...ALPHABET.map((letter) => before + letter + rest), before + rest, ...added];
  return second === '' ? others : [...others, before + second + first + after.slice(2)];
}
