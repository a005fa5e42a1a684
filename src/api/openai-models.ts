import type { FastifyInstance } from 'fastify';
import { LimnerError } from '../errors.ts';

/** Asks every collection; `limner/<collection>` asks one. */
const OURS = 'limner';

/** Who answers: the documents, of one collection or all, or a model of the model server alone. */
export type Target = { fromDocuments: true; collection?: string } | { fromDocuments: false; model: string };

export interface ModelNames {
  list(): string[];
  /** @throws LimnerError `model_not_found`. */
  resolve(id: string): Target;
}

export function createModelNames(parts: {
  collections: () => string[];
  chatModels: () => { name: string }[];
}): ModelNames {
  const { collections, chatModels } = parts;
  return {
    list: () => [
      OURS,
      ...collections().map((name) => `${OURS}/${name}`),
      ...chatModels().map(({ name }) => name),
    ],
    resolve: (id) => {
      if (id === OURS) return { fromDocuments: true };
      const wanted = id.startsWith(`${OURS}/`) ? id.slice(OURS.length + 1) : undefined;
      if (wanted !== undefined && collections().includes(wanted))
        return { fromDocuments: true, collection: wanted };
      const model = chatModels().find(({ name }) => id === name || id === `${name}:latest`);
      if (model) return { fromDocuments: false, model: model.name };
      throw new LimnerError('model_not_found', `There is no model "${id}"; GET /v1/models lists them.`, {
        param: 'model',
      });
    },
  };
}

export function modelRoutes(server: FastifyInstance, { models }: { models: ModelNames }): void {
  const started = Math.floor(Date.now() / 1000);
  const shown = (id: string) => ({ id, object: 'model', created: started, owned_by: 'limner' });

  server.get('/v1/models', () => ({ object: 'list', data: models.list().map(shown) }));

  server.get<{ Params: { '*': string } }>('/v1/models/*', ({ params }) => {
    models.resolve(params['*']);
    return shown(params['*']);
  });
}
