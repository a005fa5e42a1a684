import { stemmer as porter } from 'stemmer';
import { z } from 'zod';

/** How the words of a language are made terms. */
export interface Language {
  /** ISO 639-1, or `none`. */
  code: string;
  /** The stem of a word in lower case. */
  stem(word: string): string;
  /**
   * Whether the stemmer is given the word with its accents, which it knows; Porter's is given words of a to z, and no others.
   */
  readsAccents: boolean;
  /** In lower case, with their accents. */
  stops: ReadonlySet<string>;
}

/** Lucene's English list (`EnglishAnalyzer.ENGLISH_STOP_WORDS_SET`), and the words of questions. */
const ENGLISH_STOPS = new Set(
  (
    'a an and are as at be but by for if in into is it no not of on or such that the their then there ' +
    'these they this to was will with ' +
    // What makes a sentence a question says nothing about its subject.
    'who whom whose what which when where why how do does did has have had can could would should am were been ' +
    'i you he she we me my your his her our us about from'
  ).split(' '),
);

export const ENGLISH: Language = { code: 'en', stem: porter, readsAccents: false, stops: ENGLISH_STOPS };

/** Languages with a Snowball stemmer and a stop list, by what the packages call them. */
const NAMES = {
  ar: 'arabic',
  da: 'danish',
  de: 'german',
  el: 'greek',
  es: 'spanish',
  fi: 'finnish',
  fr: 'french',
  ga: 'irish',
  hi: 'indian',
  hu: 'hungarian',
  hy: 'armenian',
  id: 'indonesian',
  it: 'italian',
  lt: 'lithuanian',
  ne: 'nepali',
  nl: 'dutch',
  no: 'norwegian',
  pt: 'portuguese',
  ro: 'romanian',
  ru: 'russian',
  sr: 'serbian',
  sv: 'swedish',
  ta: 'tamil',
  tr: 'turkish',
} as const;

/** Values of `LIMNER_LANGUAGE`. `none` leaves words as they are and knows no stop words. */
export const LANGUAGE_CODES = ['en', 'none', ...Object.keys(NAMES)];

const Stemmer = z.object({
  stemmer: z.custom<(word: string) => string>((value) => typeof value === 'function'),
});
const Stops = z.object({ stopwords: z.array(z.string()) });

/** Loads the rules of one language. Throws a RangeError for a code that is none of `LANGUAGE_CODES`. */
export async function loadLanguage(code: string): Promise<Language> {
  if (code === 'en') return ENGLISH;
  if (code === 'none') return { code, stem: (word) => word, readsAccents: true, stops: new Set() };
  const name = Object.entries(NAMES).find(([known]) => known === code)?.[1];
  if (name === undefined) throw new RangeError(`There are no rules for the language ${code}.`);
  const { stemmer } = Stemmer.parse(await import(/* @vite-ignore */ `@orama/stemmers/${name}`));
  const { stopwords } = Stops.parse(await import(/* @vite-ignore */ `@orama/stopwords/${name}`));
  // Some take a short word for nothing but an ending (Greek, Nepali), and would leave nothing of it.
  const stem = (word: string): string => stemmer(word) || word;
  return { code, stem, readsAccents: true, stops: new Set(stopwords) };
}
