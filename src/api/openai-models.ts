import type { FastifyInstance } from 'fastify';
import { LimnerError } from '../errors.ts';

/** Asks every collection; `limner/<collection>` asks one. */
const OURS = 'limner';

/** Who answers: the documents, of one collection or all, or a model of the model server alone. */
export type Target =
  | { fromDocuments: true; collection?: string; illustrate?: true }
  | { fromDocuments: false; model: string };

/** Behind a name of ours it asks for a picture beside each answer. */
const WITH_PICTURE = '+image';

export interface ModelNames {
  list(): string[];
  /** @throws LimnerError `model_not_found`. */
  resolve(id: string): Target;
}

export function createModelNames(parts: {
  collections: () => string[];
  chatModels: () => { name: string }[];
  /** Whether pictures can be made now. */
  canPaint: () => boolean;
}): ModelNames {
  const { collections, chatModels, canPaint } = parts;

  function oursOf(id: string): Target | undefined {
    if (id === OURS) return { fromDocuments: true };
    const wanted = id.startsWith(`${OURS}/`) ? id.slice(OURS.length + 1) : undefined;
    if (wanted !== undefined && collections().includes(wanted))
      return { fromDocuments: true, collection: wanted };
    if (!id.endsWith(WITH_PICTURE)) return undefined;
    const target = oursOf(id.slice(0, -WITH_PICTURE.length));
    return target?.fromDocuments ? { ...target, illustrate: true } : undefined;
  }

  return {
    list: () => {
      const ours = [OURS, ...collections().map((name) => `${OURS}/${name}`)];
      const pictured = canPaint() ? ours.map((name) => name + WITH_PICTURE) : [];
      return [...ours, ...pictured, ...chatModels().map(({ name }) => name)];
    },
    resolve: (id) => {
      const ours = oursOf(id);
      if (ours) return ours;
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
