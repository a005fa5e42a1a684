import type { Language } from './language.ts';
import { queryTerms } from './tokenize.ts';

/** Shorter words are too near to too many others; longer ones are no words. */
const WORD = /(?<![\p{L}\p{M}\p{N}])\p{Script=Latin}{5,24}(?![\p{L}\p{M}\p{N}])/gu;
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz'.split('');

/** A name in capitals and numbers, as identifiers are said: `ABC 1234 5`. */
const SPACED = /(?<![A-Za-z0-9])[A-Z]{1,8}(?: [0-9]{1,8}){1,4}(?![A-Za-z0-9])/g;

/** What stands between the words of a compound (German, Dutch, Swedish). */
const LINKS = ['', 's', 'es', 'n', 'en', 'er', 'e'];
const SHORTEST_PART = 4;

/** Words and names of one question that are looked at, of each; a word has some hundred neighbours. */
const MOST = 3;
/** So many words are no sentence in whatever language. */
const FEW = 2;

type IsKnown = (term: string) => boolean;

/**
 * Terms that may be meant where a question's own are not in the index: sets, of each of which some count. For a
 * word that no text holds, the terms of the words that are one slip away from it (a letter left out, too much, another
 * one, or two that changed places; the first letter is taken to be right), and both parts of a compound. For a name with
 * spaces, the identifier that it is without them.
 */
export function likelyTerms(text: string, language: Language, isKnown: IsKnown): Set<string>[] {
  const words = unknownWords(text, language, isKnown);
  return [
    ...words.map((word) => slipTerms(word, language)),
    ...words.flatMap((word) => partTerms(word, language, isKnown)),
    ...spacedTerms(text)
      .filter(isKnown)
      .map((term) => new Set([term])),
  ];
}

/**
 * Each once, in lower case. None of a question most of whose words are unknown: that is in another language than the
 * texts, and what looks alike there misleads.
 */
function unknownWords(text: string, language: Language, isKnown: IsKnown): string[] {
  const asked = new Set(queryTerms(text, language));
  const unknown = new Set([...asked].filter((term) => !isKnown(term)));
  if (asked.size > FEW && unknown.size > asked.size / 2) return [];
  const words: string[] = [];
  for (const [word] of text.matchAll(WORD)) {
    const lower = word.toLowerCase();
    const [term] = language.stops.has(lower) ? [] : queryTerms(word, language);
    if (term !== undefined && unknown.delete(term)) words.push(lower);
    if (unknown.size === 0 || words.length === MOST) break;
  }
  return words;
}

function slipTerms(word: string, language: Language): Set<string> {
  const meant = slips(word).filter((slip) => !language.stops.has(slip));
  return new Set(meant.flatMap((slip) => queryTerms(slip, language)));
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

/** Of the ways to cut a word in two that are known, the one whose shorter part is longest. */
function partTerms(word: string, language: Language, isKnown: IsKnown): Set<string>[] {
  const known = (part: string): string | undefined =>
    part.length < SHORTEST_PART ? undefined : queryTerms(part, language).find(isKnown);
  const middle = word.length / 2;
  const places = Array.from({ length: word.length }, (_, at) => at).sort(
    (one, other) => Math.abs(one - middle) - Math.abs(other - middle),
  );
  for (const at of places) {
    const last = known(word.slice(at));
    if (last === undefined) continue;
    const before = word.slice(0, at);
    for (const link of LINKS) {
      const first = before.endsWith(link) ? known(before.slice(0, at - link.length)) : undefined;
      if (first !== undefined) return [new Set([first]), new Set([last])];
    }
  }
  return [];
}

/** Names with spaces as the identifiers that they may be: `ABC 1234 5` as `abc12345` and `abc1234`. */
export function spacedTerms(text: string): string[] {
  const names = text.matchAll(SPACED).take(MOST);
  return names.toArray().flatMap(([name]) => {
    const parts = name.toLowerCase().split(' ');
    return parts.slice(1).map((_, at) => parts.slice(0, at + 2).join(''));
  });
}
