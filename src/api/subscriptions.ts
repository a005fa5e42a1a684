import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { NOTICE_EVENTS, type Notice, type Notices, type Subscription } from '../ingest/notices.ts';
import { parse } from './failure.ts';

export const NewWebhook = z.strictObject({
  url: z.url({ protocol: /^https?$/ }).max(4096),
  /** None means all of them. */
  events: z.array(z.enum(NOTICE_EVENTS)).default([]),
});

export const ListQuery = z.strictObject({
  cursor: z.string().max(64).optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
});

interface ById {
  Params: { id: string };
}

/** Who is told when a document is searchable or a picture is finished, and how the last messages went. */
export function subscriptionRoutes(server: FastifyInstance, { notices }: { notices: Notices }): void {
  server.get('/api/webhooks', () => ({
    data: notices.subscriptions().map((one) => shown(one, lastOf(notices, one.id))),
    next_cursor: null,
  }));

  server.post('/api/webhooks', async ({ body }, reply) => {
    const { url, events } = parse(NewWebhook, body);
    const made = await notices.subscribe(url, events);
    return reply.code(201).send({ ...shown(made, null), secret: made.secret });
  });

  server.delete<ById>('/api/webhooks/:id', async ({ params }, reply) => {
    await notices.unsubscribe(params.id);
    return reply.code(204).send();
  });

  server.get<ById>('/api/webhooks/:id/messages', ({ params, query }) => {
    const { cursor, limit } = parse(ListQuery, query);
    const rows = notices.list(notices.get(params.id).id, cursor, limit + 1);
    const page = rows.slice(0, limit);
    return { data: page.map(message), next_cursor: rows.length > limit ? (page.at(-1)?.id ?? null) : null };
  });
}

function shown(
  { id, url, events, disabled, created_at }: Subscription,
  last: ReturnType<typeof message> | null,
) {
  return { id, url, events, disabled, created_at, last };
}

function lastOf(notices: Notices, id: string) {
  const [last] = notices.list(id, undefined, 1);
  return last ? message(last) : null;
}

function message({ id, event, attempts, status, error, state, created_at, ended_at }: Notice) {
  return { id, event, attempts, status, error, state, created_at, ended_at };
}
