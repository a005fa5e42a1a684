import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { exportConversation } from '../ask/conversation-export.ts';
import { Turn, type OwnConversations } from '../ask/kept-conversations.ts';
import { cursorOf } from '../ingest/ledger-list.ts';
import { placeOf } from './cursor.ts';
import { attachment } from './documents.ts';
import { parse } from './failure.ts';

export const ConversationsQuery = z.strictObject({
  /** Words that the conversation has, in its title, its questions or its answers. */
  q: z.string().max(1000).optional(),
  cursor: z.string().max(64).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});
export const NewConversation = z.strictObject({ title: z.string().trim().min(1).max(300) });

interface ById {
  Params: { id: string };
}

/** Conversations as the page keeps them: it asks by `POST /api/ask` and says here what came of it. */
export function conversationRoutes(
  server: FastifyInstance,
  /** Those of the key of the request under way. */
  own: () => OwnConversations,
): void {
  server.get('/api/conversations', ({ query }) => {
    const { q = '', cursor, limit } = parse(ConversationsQuery, query);
    const rows = own().list({
      words: q.split(/\s+/).filter(Boolean),
      limit: limit + 1,
      ...(cursor !== undefined && { after: placeOf(cursor) }),
    });
    const page = rows.slice(0, limit);
    const last = page.at(-1);
    return { data: page, next_cursor: rows.length > limit && last ? cursorOf(last, 'newest') : null };
  });

  server.post('/api/conversations', async ({ body }, reply) =>
    reply.code(201).send(await own().add(parse(NewConversation, body).title)),
  );

  server.get<ById>('/api/conversations/:id', ({ params }) => ({
    ...own().get(params.id),
    turns: own().turns(params.id),
  }));

  server.patch<ById>('/api/conversations/:id', ({ params, body }) =>
    own().rename(params.id, parse(NewConversation, body).title),
  );

  server.delete<ById>('/api/conversations/:id', async ({ params }, reply) => {
    await own().remove(params.id);
    return reply.code(204).send();
  });

  server.post<ById>('/api/conversations/:id/turns', async ({ params, body }, reply) => {
    await own().keep(params.id, parse(Turn, body));
    return reply.code(204).send();
  });

  server.get<ById>('/api/conversations/:id/export', ({ params }, reply) => {
    const conversation = own().get(params.id);
    const name = conversation.title.replaceAll(/[^\p{L}\p{N} _-]+/gu, ' ').trim() || 'conversation';
    return reply
      .type('text/markdown; charset=utf-8')
      .header('content-disposition', attachment(`${name}.md`))
      .send(exportConversation(conversation, own().turns(params.id)));
  });
}
