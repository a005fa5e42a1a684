import type { FastifyInstance } from 'fastify';
import type { IndexState } from '../ingest/model-change.ts';

export interface IndexRoutes {
  index: {
    state: () => Promise<IndexState>;
    back: () => Promise<void>;
    forward: () => Promise<void>;
  };
}

/** Which embedding model's vectors answer, and what is built beside them. */
export function indexRoutes(server: FastifyInstance, { index }: IndexRoutes): void {
  server.get('/api/index', index.state);

  server.post('/api/index/back', async () => {
    await index.back();
    return index.state();
  });

  server.post('/api/index/forward', async (_request, reply) => {
    await index.forward();
    return reply.code(202).send(await index.state());
  });
}
