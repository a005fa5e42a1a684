import type { FastifyInstance } from 'fastify';
import { parse } from './failure.ts';
import { NewKey, type Keys } from './keys.ts';

/** Keys made by route; the key itself is in the one answer that made it. Needs the scope admin. */
export function keyRoutes(server: FastifyInstance, { keys }: { keys: Keys }): void {
  server.get('/api/keys', () => ({ data: keys.list(), next_cursor: null }));

  server.post('/api/keys', async ({ body }, reply) =>
    reply.code(201).send(await keys.add(parse(NewKey, body))),
  );

  server.delete<{ Params: { id: string } }>('/api/keys/:id', async ({ params }, reply) => {
    await keys.revoke(params.id);
    return reply.code(204).send();
  });
}
