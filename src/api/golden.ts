import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Golden } from '../ask/golden.ts';
import { parse } from './failure.ts';
import { signalOf } from './sse.ts';

export const NewQuestion = z.strictObject({
  question: z.string().trim().min(1).max(10_000),
  /** `uri`s of the documents that answer it. */
  documents: z.array(z.string().min(1).max(4096)).min(1).max(100),
});

interface ById {
  Params: { id: string };
}

/** Questions with the documents that answer them, and how well the index does on them now. */
export function goldenRoutes(server: FastifyInstance, { golden }: { golden: Golden }): void {
  server.get('/api/golden', () => {
    const { places = {}, ...scores } = golden.last() ?? {};
    return {
      data: golden.list().map(({ id, question, documents }) => ({
        id,
        question,
        documents,
        places: places[id] ?? null,
      })),
      last: 'at' in scores ? scores : null,
      next_cursor: null,
    };
  });

  server.post('/api/golden', async ({ body }, reply) => {
    const { question, documents } = parse(NewQuestion, body);
    return reply.code(201).send(await golden.add(question, documents));
  });

  server.delete<ById>('/api/golden/:id', async ({ params }, reply) => {
    await golden.remove(params.id);
    return reply.code(204).send();
  });

  server.get('/api/eval', async (request, reply) => {
    const scores = await golden.score(signalOf(request, reply));
    return scores ?? { questions: 0, recall: null, mrr: null, ndcg: null };
  });
}
