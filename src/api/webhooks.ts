import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Documents } from '../ingest/documents.ts';
import { documentBody } from './documents.ts';
import { parse } from './failure.ts';

const ProcessRequest = z.strictObject({ filepath: z.string().min(1).max(4096) });

/** Other programs say that a file in the inbox is complete; it is read at once. */
export function webhookRoutes(server: FastifyInstance, { documents }: { documents: Documents }): void {
  server.post('/webhooks/process', async (request, reply) => {
    const { filepath } = parse(ProcessRequest, request.body);
    return reply.code(202).send(documentBody(await documents.process(filepath)));
  });
}
