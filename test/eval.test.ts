import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createRandom } from '../bench/corpus.ts';
import { scoreRanking, type RankScores } from '../src/ask/rank-scores.ts';
import { judge, readQuestions, type Question } from '../src/commands/eval-questions.ts';
import { guardProblem } from '../src/commands/eval-report.ts';
import { bestShare } from '../src/commands/eval-share.ts';
import { compare, percentile, readResults, type ArmResult } from '../src/commands/eval-results.ts';
import { limner, type Run } from './limner.ts';
import { removeFolder, startService, temporaryFolder, type Service } from './service.ts';

const SCORER = new URL('../../shared/eval/score.mjs', import.meta.url);

let folder: string;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => removeFolder(folder));

async function written(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

describe('questions are read', () => {
  const whole: Question[] = [
    {
      id: '1',
      question: 'Where, then?',
      right: [
        { document: 'a.md', grade: 1 },
        { document: 'b.md', grade: 2 },
      ],
    },
    { id: '2', question: 'Who?', right: [{ document: 'c.md', passage: 'She said it.', grade: 1 }] },
  ];

  test('from CSV, a row for each document or passage that answers', async () => {
    const csv =
      '\ufeffquestion,document,grade,passage\r\n"Where, then?",a.md,,\r\n"Where, then?",b.md,2,\r\nWho?,c.md,1,She said it.\r\n\r\n';
    expect(await readQuestions(await written('q.csv', csv))).toEqual(whole);
  });

  test('from JSONL, a line for each question', async () => {
    const lines = [
      { question: 'Where, then?', documents: { 'a.md': 1, 'b.md': 2, 'z.md': 0 } },
      { id: 2, question: 'Who?', passages: [{ text: 'She said it.', document: 'c.md' }] },
    ];
    const path = await written('q.jsonl', `${lines.map((line) => JSON.stringify(line)).join('\n')}\n`);
    expect(await readQuestions(path)).toEqual(whole);
    const brief = await written('brief.jsonl', '{"question":"Who?","documents":["a","b"],"passages":["x"]}');
    expect((await readQuestions(brief))[0]?.right).toEqual([
      { document: 'a', grade: 1 },
      { document: 'b', grade: 1 },
      { passage: 'x', grade: 1 },
    ]);
  });

  test.each([
    ['bad.jsonl', '{"question": "Who?", "documents": ["a"]}\nnonsense', 'line 2: not JSON'],
    ['bad.jsonl', '{"question": "Who?"}', 'line 1: documents or passages'],
    ['bad.jsonl', '{"documents": ["a"]}', 'line 1: question'],
    ['bad.csv', 'question,document\nWho?,\n', 'row 2: a document or a passage'],
    ['bad.csv', 'question,document,grade\nWho?,a,much\n', 'row 2: grade'],
    ['bad.csv', 'question,document\n', 'holds no questions'],
  ])('%s %j says where it is wrong', async (name, text, message) => {
    await expect(readQuestions(await written(name, text))).rejects.toThrow(message);
  });
});

describe('a ranking is judged', () => {
  const hit = (uri: string, text = '', also: string[] = []) => ({
    document: { uri },
    also: also.map((one) => ({ uri: one })),
    text,
  });
  const rightOf = (...right: Question['right']): Question => ({ id: '1', question: 'Who?', right });

  test('by documents, each counted once, under any of its names', () => {
    const question = rightOf({ document: 'a', grade: 1 }, { document: 'b', grade: 2 });
    const { ranking, relevant } = judge(question, [
      hit('x'),
      hit('x'),
      hit('y', '', ['b']),
      hit('a'),
      hit('a'),
    ]);
    expect(ranking).toEqual(['x', 'right 1', 'right 0']);
    expect([...relevant]).toEqual([
      ['right 0', 1],
      ['right 1', 2],
    ]);
  });

  test('by passages: most of their words in one hit, of the document where one is named', () => {
    const passage = 'The spare fuse lies in the biscuit tin.';
    const question = rightOf({ document: 'a', passage, grade: 1 });
    const right = hit('a', 'Note that the spare  fuse\nlies in the biscuit tin, behind the stove.');
    const { ranking } = judge(question, [
      hit('a', 'A spare biscuit.'),
      { ...right, document: { uri: 'b' } },
      right,
    ]);
    expect(ranking).toEqual(['hit 0', 'hit 1', 'right 0']);
    expect(judge(rightOf({ passage, grade: 1 }), [{ ...right, document: { uri: 'b' } }]).ranking).toEqual([
      'right 0',
    ]);
  });

  test('with the figures that trec_eval gives', () => {
    const relevant = new Map([
      ['a', 2],
      ['b', 1],
    ]);
    const { ndcg_at_10, mrr_at_10, recall_at_5 } = scoreRanking(['x', 'a', 'y', 'z', 'w', 'b'], relevant);
    expect(ndcg_at_10).toBeCloseTo((2 / Math.log2(3) + 1 / Math.log2(7)) / (2 + 1 / Math.log2(3)), 12);
    expect([mrr_at_10, recall_at_5]).toEqual([0.5, 0.5]);
    expect(scoreRanking([], relevant)).toMatchObject({ ndcg_at_10: 0, mrr_at_10: 0, recall_at_100: 0 });
  });

  test.skipIf(!existsSync(SCORER))('with the figures of the scorer beside the open sets', async () => {
    const { scoreQuery } = z
      .object({ scoreQuery: z.custom<(rels: Map<string, number>, ranked: string[]) => unknown>() })
      .parse(await import(SCORER.href));
    const random = createRandom(3);
    for (let round = 0; round < 200; round++) {
      const relevant = new Map(
        Array.from({ length: 1 + Math.floor(random() * 12) }, (_, at) => [
          `d${at}`,
          1 + Math.floor(random() * 4),
        ]),
      );
      const ranking = Array.from({ length: 150 }, (_, at) => ({ id: `d${at}`, at: random() }))
        .filter(() => random() < 0.8)
        .toSorted((one, other) => one.at - other.at)
        .map(({ id }) => id);
      const mine = scoreRanking(ranking, relevant);
      expect(scoreQuery(relevant, ranking)).toMatchObject({
        'ndcg@10': mine.ndcg_at_10,
        'mrr@10': mine.mrr_at_10,
        'recall@5': mine.recall_at_5,
        'recall@10': mine.recall_at_10,
        'recall@100': mine.recall_at_100,
      });
    }
  });
});

describe('results are compared', () => {
  const scored = (...ndcg: number[]): ArmResult => ({
    scores: Object.fromEntries(ndcg.map((value, at) => [String(at), { ...NOTHING, ndcg_at_10: value }])),
    ms: ndcg.map((_, at) => at + 1),
  });
  const NOTHING: RankScores = {
    ndcg_at_10: 0,
    mrr_at_10: 0,
    recall_at_5: 0,
    recall_at_10: 0,
    recall_at_100: 0,
  };

  test('question by question, with the chance that it is chance', () => {
    const before = scored(...Array<number>(20).fill(0.5));
    expect(compare(before, before)).toMatchObject({ questions: 20, better: 0, worse: 0, p: 1 });
    const better = compare(scored(...Array<number>(20).fill(0.6)), before, createRandom(1));
    expect(better).toMatchObject({ better: 20, worse: 0 });
    expect(better.p).toBeLessThan(0.001);
    const mixed = compare(scored(...Array.from({ length: 20 }, (_, at) => (at % 2 ? 0.6 : 0.41))), before);
    expect(mixed.p).toBeGreaterThan(0.2);
  });

  test('times by the share that was answered within them', () => {
    const hundred = scored(...Array<number>(100).fill(1));
    expect([percentile(hundred, 0.5), percentile(hundred, 0.99)]).toEqual([51, 100]);
  });

  test('a fused list that is worse than one of its arms is told', () => {
    const arms = (fused: number) => ({
      made_at: '',
      questions: [],
      arms: { keyword: scored(0.7), vector: scored(0.3), fused: scored(fused) },
    });
    expect(guardProblem(arms(0.69))).toContain('.0100 below the better arm');
    expect(guardProblem(arms(0.696))).toBeUndefined();
  });
});

test('the share of keywords that would have done best is told', () => {
  const hit = (uri: string, keyword: number | null, vector: number | null) => ({
    document: { id: uri, uri },
    also: [],
    ordinal: 0,
    text: uri,
    scores: { keyword, vector },
  });
  const lists = Array.from({ length: 5 }, (_, at) => ({
    question: { id: String(at), question: 'Where?', right: [{ document: 'right', grade: 1 }] },
    keyword: [hit('right', 9, null), hit('b', 3, null), hit('c', 2, null), hit('d', 1, null)],
    vector: [hit('wrong', null, 0.99), hit('b', null, 0.2), hit('c', null, 0.19), hit('d', null, 0.18)],
  }));
  const { share, ndcg } = bestShare(lists);
  expect(share).toBeGreaterThan(0.5);
  expect(ndcg).toBe(1);
});

describe('limner eval', () => {
  let service: Service;
  let run: (...args: string[]) => Promise<Run>;

  beforeAll(async () => {
    await mkdir(join(folder, 'inbox'));
    await writeFile(join(folder, 'inbox', 'fuse.txt'), 'The spare fuse lies in the biscuit tin.');
    await writeFile(join(folder, 'inbox', 'bell.txt'), 'The bell hangs in the tower.');
    service = await startService(folder);
    await service.quiet(2);
    run = (...args) => limner(folder, { LIMNER_PORT: new URL(service.url).port }, 'eval', ...args);
  });
  afterAll(() => service.stop());

  test('prints a line for each arm, saves, and compares with what was saved', async () => {
    const file = await written(
      'two.csv',
      'question,document\nWhere is the spare fuse?,fuse.txt\nWhere is the bell?,bell.txt\n',
    );
    const { code, out } = await run(file, '--save', 'saved.json', '--run', 'run.tsv');
    expect(code).toBe(0);
    expect(out).toMatch(/^keywords +1\.0000 +1\.0000 +1\.0000/m);
    expect(out).toMatch(/^fused +1\.0000/m);
    expect(out).toContain('no embedding model is ready');
    const { arms } = await readResults(join(folder, 'saved.json'));
    expect(Object.keys(arms.fused?.scores ?? {})).toEqual(['1', '2']);
    expect(await readFile(join(folder, 'run.tsv'), 'utf8')).toContain('1\tfuse.txt\t1\t');
    expect((await run(file, '--against', 'saved.json')).out).toContain('of 2 questions 0 better, 0 worse');
  });

  test('fails below a gate, and says which', async () => {
    const file = await written('one.csv', 'question,document\nWhere is the spare fuse?,bell.txt\n');
    expect((await run(file)).code).toBe(0);
    const { code, err } = await run(file, '--min-ndcg', '0.9', '--min-recall', '0.9', '--max-p99', '0');
    expect(code).toBe(1);
    expect(err).toContain('missed: nDCG@10 is 0.');
    expect(err).toContain('missed: p99 is');
  });

  test('asks the golden questions where no file is named', async () => {
    expect(await run()).toMatchObject({ code: 1, err: expect.stringContaining('no golden questions') });
    await service.post('/api/golden', { question: 'Where is the bell?', documents: ['bell.txt'] });
    expect((await run('--min-mrr', '1')).out).toContain('1 questions');
  });

  test.each([
    [['--min-ndcg', 'high'], 'high is no number'],
    [['a', 'b'], 'One file'],
    [['--nonsense'], 'nonsense'],
  ])('%j is explained', async (args, message) => {
    expect(await run(...args)).toMatchObject({ code: 1, err: expect.stringContaining(message) });
  });
});
