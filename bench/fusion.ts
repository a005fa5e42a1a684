/**
 * Ways of fusing the two lists beside each other, on the train queries of scifact with keywords as one arm and
 * stand-ins of several strengths as the other: nDCG@10 above or below the better of the two arms alone.
 * `node bench/fusion.ts [depth [set judgements]]`; nothing is to be chosen by the test queries. With
 * `--embed URL --model NAME` the other arm is that server's vectors (`connectArm`) and no stand-in.
 */
import { parseArgs } from 'node:util';
import { meanScores, scoreRanking, type RankScores } from '../src/ask/rank-scores.ts';
import { createRandom } from './corpus.ts';
import { METHODS, type List } from './fusion-methods.ts';
import { createKeywordSearch, haveSets, readSet } from './judged-sets.ts';
import { bestOf, connectArm } from './real-arm.ts';
import { characterGroups, cosines, helped, latent, noise, weigh, type Scored } from './stand-in-arms.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { embed: { type: 'string' }, model: { type: 'string' } },
});
const [depthText = '50', set = 'scifact', judged = 'qrels-train.tsv'] = positionals;
const depth = Number(depthText);
if (haveSets(set)) await compare();

async function compare(): Promise<void> {
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
  const texts = queries.map(({ text }) => text);
  const scored = values.embed === undefined ? standIns() : await realArm(values.embed);

  const table: Record<string, Record<string, string>> = { 'the arm alone': {} };
  for (const [name, all] of Object.entries(scored)) {
    const lists = all.map((scores) => bestOf(scores, depth));
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

  async function realArm(url: string): Promise<Record<string, Scored>> {
    const arm = await connectArm(url, values.model ?? '');
    const made = await arm.score(documents, texts);
    await arm.close();
    return { [arm.model]: made };
  }

  function standIns(): Record<string, Scored> {
    const random = createRandom(7);
    const words = weigh(documents, texts);
    const latent200 = latent(words, 200, random);
    const nothing = noise(queries.length, documents.length, random);
    return {
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
  }
}

function places(list: List): number[] {
  return list.map(({ at }) => at);
}
