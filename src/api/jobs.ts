import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { LimnerError } from '../errors.ts';
import type { JobRow } from '../ingest/queue.ts';
import type { Jobs } from '../ingest/jobs.ts';
import { DOCUMENT_JOB } from '../ingest/worker.ts';
import { parse } from './failure.ts';

export const ListQuery = z.strictObject({
  cursor: z
    .string()
    .regex(/^\d{1,15}$/)
    .optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
});

/** What waits and what runs. What failed for good is in the ledger: `GET /api/documents?status=failed`. */
export function jobRoutes(server: FastifyInstance, { jobs }: { jobs: Jobs }): void {
  server.get('/api/jobs', ({ query }) => {
    const { cursor, limit } = parse(ListQuery, query);
    const rows = jobs.list(Number(cursor ?? 0), limit + 1);
    const page = rows.slice(0, limit);
    return { data: page.map(jobBody), next_cursor: rows.length > limit ? String(page.at(-1)?.id) : null };
  });

  server.post<{ Params: { id: string } }>('/api/jobs/:id/retry', async ({ params }, reply) => {
    if (!(await jobs.retryNow(Number(params.id))))
      throw new LimnerError('not_found', `No job ${params.id} waits; it may be running or done.`);
    return reply.code(202).send({ id: params.id });
  });

  server.delete<{ Params: { id: string } }>('/api/jobs/:id', async ({ params }, reply) => {
    if (!(await jobs.cancel(Number(params.id))))
      throw new LimnerError('not_found', `There is no job ${params.id}; it may be done.`);
    return reply.code(204).send();
  });
}

function jobBody({ id, kind, key, state, failures, reason, run_at: runAt }: JobRow) {
  return {
    id: String(id),
    kind,
    document_id: kind === DOCUMENT_JOB ? key : null,
    state,
    failures,
    reason,
    run_at: new Date(runAt).toISOString(),
  };
}
