/**
 * What slips of the pen cost keyword search, and what is won back: the questions of the open sets, and their two longest words
 * alone, each with one slip in its longest word (a letter left out, too much, another one, or two that changed places).
 * `node bench/slips.ts`
 */
import { meanScores, scoreRanking } from '../src/ask/rank-scores.ts';
import { createRandom } from './corpus.ts';
import { createKeywordSearch, haveSets, readSet } from './judged-sets.ts';

const SETS = [
  ['scifact', 'qrels-train.tsv'],
  ['cranfield', 'qrels.tsv'],
] as const;
const LETTERS = 'abcdefghijklmnopqrstuvwxyz';

if (haveSets('scifact', 'cranfield')) for (const [set, judged] of SETS) measure(set, judged);

function measure(set: string, judged: string): void {
  const { documents, queries, relevant } = readSet(set, judged);
  const random = createRandom(9);
  const whole = queries.map(({ text }) => text);
  const short = whole.map((text) => longestWords(text).slice(0, 2).join(' '));
  const kinds = {
    questions: whole,
    'questions with a slip': whole.map((text) => withSlip(text, random)),
    'two words': short,
    'two words with a slip': short.map((text) => withSlip(text, random)),
  };
  const plain = createKeywordSearch(documents, 100, { asWritten: true });
  const mending = createKeywordSearch(documents, 100);
  const score = (search: typeof plain, texts: readonly string[]): string => {
    const scores = texts.map((text, at) =>
      scoreRanking(
        search(text).map((found) => documents[found.at]?._id ?? ''),
        relevant.get(queries[at]?._id ?? '') ?? new Map(),
      ),
    );
    const { ndcg_at_10, recall_at_100 } = meanScores(scores);
    return `${ndcg_at_10.toFixed(4)} / ${recall_at_100.toFixed(4)}`;
  };
  const rows = Object.entries(kinds).map(([name, texts]) => [
    name,
    { 'as written': score(plain, texts), 'with what may be meant': score(mending, texts) },
  ]);
  console.log(`${set}, ${queries.length} questions: nDCG@10 / recall@100`);
  console.table(Object.fromEntries(rows));
}

function longestWords(text: string): string[] {
  return (text.match(/[A-Za-z]{5,}/g) ?? []).toSorted((one, other) => other.length - one.length);
}

function withSlip(text: string, random: () => number): string {
  const [word] = longestWords(text);
  if (word === undefined) return text;
  const below = (end: number): number => Math.floor(random() * end);
  const at = 1 + below(word.length - 2);
  const [before, first, rest] = [word.slice(0, at), word.charAt(at), word.slice(at + 1)];
  const letter = LETTERS.charAt(below(LETTERS.length));
  const slips = [
    before + rest,
    before + letter + first + rest,
    before + letter + rest,
    before + rest.slice(0, 1) + first + rest.slice(1),
  ];
  return text.replace(word, slips[below(slips.length)] ?? word);
}
