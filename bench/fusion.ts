/**
 * Ways of fusing the two lists beside each other, on the train queries of scifact with keywords as one arm and
 * stand-ins of several strengths as the other: nDCG@10 above or below the better of the two arms alone.
 * `node bench/fusion.ts [depth [set judgements]]`; nothing is to be chosen by the test queries.
 */
import { meanScores, scoreRanking, type RankScores } from '../src/ask/rank-scores.ts';
import { createRandom } from './corpus.ts';
import { METHODS, type List } from './fusion-methods.ts';
import { createKeywordSearch, haveSets, readSet } from './judged-sets.ts';
import { characterGroups, cosines, helped, latent, noise, weigh, type Scored } from './stand-in-arms.ts';

const [depthText = '50', set = 'scifact', judged = 'qrels-train.tsv'] = process.argv.slice(2);
const depth = Number(depthText);
if (haveSets(set)) compare();

function compare(): void {
  const { documents, queries, relevant } = readSet(set, judged);
  const search = createKeywordSearch(documents, depth);
  const keyword = queries.map(({ text }) => search(text));
  const measure = (lists: readonly (readonly number[])[]): RankScores =>
    meanScores(
      lists.map((places, query) =>
        scoreRanking(
          places.map((at) => documents[at]?._id ?? ''),
          relevant.get(queries[query]?._id ?? '') ?? new Map(),
        ),
      ),
    );
  const alone = measure(keyword.map(places));
  console.log(
    `keywords alone, ${queries.length} queries, ${depth} deep: nDCG@10 ${alone.ndcg_at_10.toFixed(4)}`,
  );
  const ids = new Map(documents.map(({ _id }, at) => [_id, at]));
  const right = queries.map(({ _id }) =>
    [...(relevant.get(_id)?.keys() ?? [])].map((id) => ids.get(id) ?? -1),
  );
  const arms = makeArms();

  const table: Record<string, Record<string, string>> = { 'the arm alone': {} };
  for (const [name, lists] of Object.entries(arms)) {
    const arm = measure(lists.map(places));
    const better = Math.max(arm.ndcg_at_10, alone.ndcg_at_10);
    put('the arm alone', name, arm.ndcg_at_10.toFixed(4));
    for (const [method, fused] of Object.entries(METHODS)) {
      const { ndcg_at_10 } = measure(lists.map((list, query) => fused(keyword[query] ?? [], list)));
      const change = ndcg_at_10 - better;
      put(method, name, `${change < 0 ? '' : '+'}${change.toFixed(4)}`);
    }
  }
  console.table(table);

  function put(row: string, column: string, value: string): void {
    (table[row] ??= {})[column] = value;
  }

  function makeArms(): Record<string, List[]> {
    const random = createRandom(7);
    const texts = queries.map(({ text }) => text);
    const words = weigh(documents, texts);
    const latent200 = latent(words, 200, random);
    const nothing = noise(queries.length, documents.length, random);
    const scored: Record<string, Scored> = {
      noise: nothing,
      'latent 50': latent(words, 50, random),
      'latent 200': latent200,
      characters: cosines(weigh(documents, texts, characterGroups)),
      'helped .15': helped(latent200, right, 0.15, random),
      'helped .3': helped(latent200, right, 0.3, random),
      'helped .6': helped(latent200, right, 0.6, random),
      'noise helped 5': helped(nothing, right, 5, random),
      'noise helped 8': helped(nothing, right, 8, random),
    };
    return Object.fromEntries(Object.entries(scored).map(([name, all]) => [name, all.map(best)]));
  }
}

function places(list: List): number[] {
  return list.map(({ at }) => at);
}

function best(scores: Float64Array): List {
  return Array.from(scores, (score, at) => ({ at, score }))
    .sort((one, other) => other.score - one.score)
    .slice(0, depth);
}
