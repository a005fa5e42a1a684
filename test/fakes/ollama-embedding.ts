/** Embeddings with real meaning for tests: texts that share words, or synonyms, are near; always the same. */

const SYNONYMS: Record<string, string> = {
  automobile: 'car',
  vehicle: 'car',
  physician: 'doctor',
  purchase: 'buy',
  invoice: 'bill',
  feline: 'cat',
  canine: 'dog',
  photograph: 'picture',
  photo: 'picture',
  remuneration: 'salary',
  wage: 'salary',
  holiday: 'vacation',
  begin: 'start',
  commence: 'start',
  repair: 'fix',
  mend: 'fix',
};

const STOP_WORDS = new Set(
  'a an and are as at be by did do does for from has have how i in is it its me my of on or our she he that the their they this to was we were what when where which who why will with you your'.split(
    ' ',
  ),
);

/** The instructions of known models; a real model does not take them for content either. */
const INSTRUCTION =
  /^(search_(document|query): |(query|passage): |Represent this sentence for searching relevant passages: |title: none \| text: |task: search result \| query: |Instruct: [^\n]*\nQuery: ?)/;

/** Lower-cased, without the usual English endings, synonyms as one word. */
export function stemsOf(text: string): string[] {
  return wordsOf(text).map((word) => SYNONYMS[word] ?? SYNONYMS[stem(word)] ?? stem(word));
}

function wordsOf(text: string): string[] {
  return (
    text.toLowerCase().match(/[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]|[\p{L}\p{N}]+/gu) ?? []
  );
}

function stem(word: string): string {
  const base = word.length > 4 ? word.replace(/(ing|ed|ies|es|s)$/, '') : word.replace(/s$/, '');
  return base.length > 2 ? base.replace(/[ey]$/, '') : word;
}

/** How much a word tells: nothing much for stop words, more for long words, which are rarer. */
export function weightOf(word: string): number {
  return STOP_WORDS.has(word) ? 0.05 : 1 + Math.log(1 + word.length) / 2;
}

/** A vector of length 1. `weights` stands for the weights of the model: others give an unlike space. */
export function embedText(text: string, dimension: number, weights = 0): number[] {
  const vector = Array.from({ length: dimension }, () => 0);
  const counts = new Map<string, number>();
  for (const word of stemsOf(text.replace(INSTRUCTION, ''))) counts.set(word, (counts.get(word) ?? 0) + 1);
  for (const [word, count] of counts) addWord(vector, word, Math.sqrt(count) * weightOf(word), weights);
  if (counts.size === 0) vector[0] = 1;
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
}

/** Four places a word, so that two words that meet in one differ in the others. */
function addWord(vector: number[], word: string, weight: number, weights: number): void {
  for (let turn = 0; turn < 4; turn += 1) {
    const hash = fnv1a(`${weights}:${turn}:${word}`);
    const place = hash % vector.length;
    vector[place] = (vector[place] ?? 0) + (hash & 0x10000 ? weight : -weight);
  }
}

/** FNV-1a, 32 bits (Fowler, Noll, Vo). */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}

/** About as many as a real tokenizer makes: one per four bytes of a word, one per sign; two special ones. */
export function countTokens(text: string): number {
  return tokenSizes(text).reduce((sum, [, tokens]) => sum + tokens, 2);
}

/** What a server leaves of a text that it cuts to `limit` tokens. */
export function cutToTokens(text: string, limit: number): string {
  let left = limit - 2;
  let end = 0;
  for (const [after, tokens] of tokenSizes(text)) {
    left -= tokens;
    if (left < 0) break;
    end = after;
  }
  return text.slice(0, end);
}

function tokenSizes(text: string): [after: number, tokens: number][] {
  return [...text.matchAll(/[\p{L}\p{N}]+|\S/gu)].map((match) => [
    match.index + match[0].length,
    Math.ceil(Buffer.byteLength(match[0]) / 4),
  ]);
}
