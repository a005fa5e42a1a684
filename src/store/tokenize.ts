import { ENGLISH, type Language } from './language.ts';

/** Tokens are cut here, in UTF-16 units: longer ones are keys, hashes and noise, and equal starts find them. */
const TOKEN_UNITS = 64;

/** Most distinct terms of a query; what comes later in a longer text is left out. */
const QUERY_TERMS = 64;

/**
 * Words whose terms are remembered (some 10 MB), and their longest: V8 copies up to 12 characters out of a
 * text, while a longer word would keep the whole text alive.
 */
const REMEMBERED_WORDS = 50_000;
const REMEMBERED_UNITS = 12;

/**
 * A cheap first cut: ASCII letters and digits together with everything beyond ASCII, and the possessive.
 * What holds non-ASCII characters is cut again, properly, after normalisation.
 */
const ROUGH_WORD = /[A-Za-z0-9\u0080-\uffff]+(?:'[sS](?![A-Za-z0-9\u0080-\uffff]))?/g;
const PLAIN = /^[\x20-\x7e]*$/;
const LOWER_LATIN = /^[a-z]+$/;
const LETTERS = /^[\p{L}\p{M}]+$/u;

/** Letters, digits, marks, and the squared units and enclosed letters that NFKC turns into letters. */
const WORD = /[\p{L}\p{N}\p{M}\u3200-\u33ff]+(?:'s(?![\p{L}\p{N}\p{M}\u3200-\u33ff]))?/giu;

// Classes of a regular expression with the flag `v`. Beside the scripts: marks and letters common to several.
const PAIRED =
  '[\\p{sc=Han}\\p{sc=Hira}\\p{sc=Kana}\\p{sc=Hang}\\p{sc=Bopo}\\u3006\\u302a-\\u302f\\u3099\\u309a\\u30fc]';
const TRIPLED = '[\\p{sc=Thai}\\p{sc=Laoo}\\p{sc=Khmr}\\p{sc=Mymr}]';
const WORD_CHARACTER = '[\\p{L}\\p{N}\\p{M}]';

/**
 * What a word is made of: runs of scripts written without spaces, of which Han, kana and Hangul (the first
 * group) become bigrams and the syllables of South-East Asia (the second) trigrams, and everything else.
 */
const RUN = new RegExp(
  `([${PAIRED}&&${WORD_CHARACTER}]+)|([${TRIPLED}&&${WORD_CHARACTER}]+)|` +
    `[${WORD_CHARACTER}--[${PAIRED}${TRIPLED}]]+`,
  'gv',
);
const SHORT_GRAM = new RegExp(`^(?:${PAIRED}|${TRIPLED}{1,2})$`, 'v');

/** In these scripts a mark is an accent, a point or a vowel that writers leave out; elsewhere it is spelling. */
const ACCENTED = /([\p{sc=Latn}\p{sc=Grek}\p{sc=Cyrl}\p{sc=Arab}\p{sc=Hebr}])\p{Mn}+/gu;

/** Letters that do not decompose, and spellings of one Arabic letter (as Lucene's `ArabicNormalizer` has them). */
const SAME_LETTERS = new Map(
  (
    'ß=ss æ=ae œ=oe ø=o đ=d ð=d ł=l ħ=h ı=i þ=th ŧ=t ς=σ ' +
    '\u0649=\u064a \u06cc=\u064a \u06a9=\u0643 \u0629=\u0647'
  )
    .split(' ')
    .map((pair) => [pair.slice(0, 1), pair.slice(2)]),
);
const SAME_LETTER = new RegExp(`[${[...SAME_LETTERS.keys()].join('')}]`, 'g');

/** One term of a text. `tail`: the end of a run that is shorter than a whole bigram or trigram. */
interface Term {
  text: string;
  stop: boolean;
  tail: boolean;
}

/** The terms of words by their language. */
const remembered = new WeakMap<Language, Map<string, readonly Term[]>>();

/**
 * The tokens of `text` in order, for the index: lower case, without diacritics and possessives, words
 * stemmed by the rules of the language (Porter's for English), runs of Han, kana and Hangul as overlapping character bigrams, Thai, Lao, Khmer and
 * Burmese as trigrams. A run also gives its shorter ends, so that a query shorter than a gram finds it by
 * its beginning (`isShortGram`). Stop words stay: a query may consist of them.
 *
 * Tokens hold letters, digits and marks only and at most 64 UTF-16 units. Linear in the length of `text`;
 * never throws.
 */
export function tokenize(text: string, language = ENGLISH): string[] {
  const tokens: string[] = [];
  for (const word of text.match(ROUGH_WORD) ?? [])
    for (const term of termsOf(word, language)) tokens.push(term.text);
  return tokens;
}

/**
 * The distinct terms to look for, at most 64, in the order they are asked: those of `tokenize` without stop
 * words (unless there is nothing else) and without the ends of runs.
 */
export function queryTerms(text: string, language = ENGLISH): string[] {
  const terms = new Set<string>();
  const stops = new Set<string>();
  for (const [word] of text.matchAll(ROUGH_WORD)) {
    for (const term of termsOf(word, language)) {
      if (!term.tail) (term.stop ? stops : terms).add(term.text);
      if (terms.size === QUERY_TERMS) return [...terms];
    }
  }
  return [...(terms.size > 0 ? terms : stops)];
}

/** Whether a query term is shorter than the grams of its script, so that it has to match their beginnings. */
export function isShortGram(term: string): boolean {
  return SHORT_GRAM.test(term);
}

function termsOf(word: string, language: Language): readonly Term[] {
  const known = rememberedOf(language);
  const before = known.get(word);
  if (before) return before;
  const terms = PLAIN.test(word) ? [wordTerm(plainWord(word), language)] : foreignTerms(word, language);
  if (word.length <= REMEMBERED_UNITS) {
    if (known.size >= REMEMBERED_WORDS) known.clear();
    known.set(word, terms);
  }
  return terms;
}

function rememberedOf(language: Language): Map<string, readonly Term[]> {
  const known = remembered.get(language);
  if (known) return known;
  const fresh = new Map<string, readonly Term[]>();
  remembered.set(language, fresh);
  return fresh;
}

function plainWord(word: string): string {
  return (word.at(-2) === "'" ? word.slice(0, -2) : word).toLowerCase();
}

/** The stop words are looked up before letters are folded: "thé" is no article. */
function wordTerm(word: string, language: Language, fold = false): Term {
  if (language.stops.has(word)) return { text: fold ? foldLetters(word) : word, stop: true, tail: false };
  const isOwn = language.readsAccents && LETTERS.test(word);
  const stem = isOwn ? language.stem(cutToken(word)) : word;
  const cut = cutToken(fold ? foldLetters(stem) : stem);
  const isPlain = !language.readsAccents && LOWER_LATIN.test(cut);
  return { text: isPlain ? language.stem(cut) : cut, stop: false, tail: false };
}

function foreignTerms(rough: string, language: Language): Term[] {
  const terms: Term[] = [];
  for (const [word] of clean(rough).matchAll(WORD)) {
    const lower = plainWord(word.normalize('NFKC'));
    for (const [run, paired, tripled] of lower.matchAll(RUN)) {
      if (paired) addGrams(terms, run, 2);
      else if (tripled) addGrams(terms, run, 3);
      else terms.push(wordTerm(run, language, true));
    }
  }
  return terms.filter((term) => term.text !== '');
}

/**
 * Takes out characters that only space or stretch (soft hyphens, joiners, the Arabic tatweel) and makes the apostrophes one. Eight marks in a row
 * are more than any script uses, and normalising sorts marks in quadratic time.
 */
function clean(rough: string): string {
  return rough
    .replace(/\u200b/g, ' ')
    .replace(/[\p{Cf}\u0640]/gu, '')
    .replace(/[\u2018\u2019\u02bc\uff07]/g, "'")
    .replace(/(\p{M}{8})\p{M}+/gu, '$1');
}

function foldLetters(word: string): string {
  const bare = word.normalize('NFD').replace(ACCENTED, '$1').normalize('NFC');
  return bare.replace(SAME_LETTER, (letter) => SAME_LETTERS.get(letter) ?? letter);
}

function addGrams(terms: Term[], run: string, size: number): void {
  const starts: number[] = [];
  for (let at = 0; at < run.length; at += (run.codePointAt(at) ?? 0) > 0xffff ? 2 : 1) starts.push(at);
  for (let index = 0; index < starts.length; index++) {
    const text = run.slice(starts[index], starts[index + size]);
    terms.push({ text, stop: false, tail: index > 0 && index + size > starts.length });
  }
}

function cutToken(word: string): string {
  if (word.length <= TOKEN_UNITS) return word;
  return word.slice(0, TOKEN_UNITS).replace(/[\ud800-\udbff]$/, '');
}
