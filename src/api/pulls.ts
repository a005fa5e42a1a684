import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { parse } from './failure.ts';
import type { Told } from './limited-service.ts';

/** A model that Ollama downloads because somebody asked. */
export interface PullState {
  id: string;
  model: string;
  state: string;
  progress: number;
  message: string | null;
  startedAt: string;
}

export interface PullParts {
  pulls: {
    events: Told<PullState>;
    list: () => readonly PullState[];
    begin: (model: string) => PullState;
    cancel: (id: string) => Promise<void>;
  };
}

/** A name as Ollama takes it, with the host and the folder of another registry where there is one. */
export const PullBody = z.strictObject({
  model: z
    .string()
    .trim()
    .max(300)
    .regex(/^[\w][\w./:@-]*$/, 'must be the name of a model, such as gemma3:4b'),
});

/** Models that are downloaded because somebody asked; those of the settings are downloaded by themselves. */
export function pullRoutes(server: FastifyInstance, { pulls }: PullParts): void {
  server.get('/api/pulls', () => ({ data: pulls.list().map(pullBody), next_cursor: null }));

  server.post('/api/pulls', ({ body }, reply) =>
    reply.code(202).send(pullBody(pulls.begin(parse(PullBody, body).model))),
  );

  server.delete<{ Params: { id: string } }>('/api/pulls/:id', async ({ params }, reply) => {
    await pulls.cancel(params.id);
    return reply.code(204).send();
  });
}

export function pullBody({ id, model, state, progress, message, startedAt }: PullState) {
  return { id, object: 'pull', model, state, progress, message, started_at: startedAt };
}
