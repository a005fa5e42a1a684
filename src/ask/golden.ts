import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { LimnerError } from '../errors.ts';
import type { Database } from '../sqlite.ts';
import { meanScores, scoreRanking, type RankScores } from './rank-scores.ts';
import type { Retrieve } from './retrieve.ts';

/** A question with the documents that answer it, by their `uri`: what the index is measured with. */
export interface GoldenQuestion {
  id: string;
  question: string;
  documents: string[];
}

/** Means over all questions, at the first ten documents. */
export interface GoldenScores {
  questions: number;
  /** Share of the right documents that were found. */
  recall: number;
  /** One over the place of the first right document. */
  mrr: number;
  /** Normalised discounted cumulative gain (Järvelin and Kekäläinen, 2002), every right document counting one. */
  ndcg: number;
}

/** How it went the last time. */
export interface GoldenResult extends GoldenScores {
  /** ISO 8601 UTC. */
  at: string;
  /** By the id of the question: the places, from 1, of its documents among the first ten. */
  places: Record<string, number[]>;
}

const SCHEMA = [
  `create table golden(id text primary key, question text not null unique, documents text not null) without rowid;`,
  `create table golden_result(id integer primary key check (id = 1), result text not null);`,
];

const Result = z.object({
  questions: z.number(),
  recall: z.number(),
  mrr: z.number(),
  ndcg: z.number(),
  at: z.string(),
  places: z.record(z.string(), z.array(z.number())),
});

const DEPTH = 10;
const Uris = z.array(z.string());

export type Golden = ReturnType<typeof createGolden>;

/** The questions that the people who own the documents know the answers of. */
export function createGolden({ database, retrieve }: { database: Database; retrieve: Retrieve }) {
  database.migrate('golden', SCHEMA);

  const list = (): GoldenQuestion[] =>
    database.read
      .all<{ id: string; question: string; documents: string }>('select * from golden order by id')
      .map(({ id, question, documents }) => ({ id, question, documents: Uris.parse(JSON.parse(documents)) }));

  /** The first documents that are found, by their `uri`. */
  async function found({ question }: GoldenQuestion, signal: AbortSignal): Promise<string[]> {
    const { passages } = await retrieve({ text: question, limit: 5 * DEPTH }, signal);
    return [...new Set(passages.map(({ document }) => document.uri))].slice(0, DEPTH);
  }

  /** How well the index as it is now answers them; undefined when there are none. */
  async function score(signal: AbortSignal): Promise<GoldenScores | undefined> {
    const questions = list();
    if (questions.length === 0) return undefined;
    const rankings: RankScores[] = [];
    const places: GoldenResult['places'] = {};
    for (const question of questions) {
      const uris = await found(question, signal);
      const right = new Map(question.documents.map((uri) => [uri, 1]));
      rankings.push(scoreRanking(uris, right));
      places[question.id] = [...right.keys()].map((uri) => uris.indexOf(uri) + 1).filter((at) => at > 0);
    }
    const { recall_at_10: recall, mrr_at_10: mrr, ndcg_at_10: ndcg } = meanScores(rankings);
    const scores = { questions: questions.length, recall, mrr, ndcg };
    await keep({ ...scores, at: new Date().toISOString(), places });
    return scores;
  }

  async function keep(result: GoldenResult): Promise<void> {
    await database.write((connection) =>
      connection.run('insert or replace into golden_result values (1, ?)', JSON.stringify(result)),
    );
  }

  return {
    list,
    score,
    /** The last result, also after a restart; undefined before the first. */
    last(): GoldenResult | undefined {
      const row = database.read.get<{ result: string }>('select result from golden_result');
      return row && Result.parse(JSON.parse(row.result));
    },
    /** The one number that models are compared by. */
    ndcg: async (signal: AbortSignal): Promise<number | undefined> => (await score(signal))?.ndcg,

    /** The same question again replaces its documents. */
    async add(question: string, documents: string[]): Promise<GoldenQuestion> {
      const id = `gq_${randomBytes(8).toString('hex')}`;
      await database.write((connection) =>
        connection.run(
          `insert into golden(id, question, documents) values (?, ?, ?)
           on conflict(question) do update set documents = excluded.documents`,
          id,
          question,
          JSON.stringify(documents),
        ),
      );
      const made = list().find((one) => one.question === question);
      if (!made) throw new Error('The question was not kept.');
      return made;
    },

    async remove(id: string): Promise<void> {
      const { changes } = await database.write((connection) =>
        connection.run('delete from golden where id = ?', id),
      );
      if (changes === 0) throw new LimnerError('not_found', `There is no golden question ${id}.`);
    },
  };
}
