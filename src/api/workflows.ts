import type { FastifyInstance } from 'fastify';

interface Model {
  folder: string;
  name: string;
  url?: string | undefined;
  sha256?: string | undefined;
  size?: number | undefined;
}

export interface WorkflowParts {
  workflows(): {
    workflow: {
      name: string;
      description: string;
      tags: string[];
      inputs: Record<string, object>;
      requires: { vram_min_gb: number; models: Model[] };
    };
    workers: { url: string; state: string; lacks: string[] }[];
  }[];
  workers(): { url: string; reachable: boolean; busy: number; models: Record<string, string[]> }[];
  counts(): Record<string, number>;
}

/** What can be made, by whom, and what is missing for the rest. */
export function workflowRoutes(server: FastifyInstance, { pictures }: { pictures: WorkflowParts }): void {
  server.get('/api/workflows', () => ({
    data: pictures.workflows().map(({ workflow, workers }) => ({
      name: workflow.name,
      description: workflow.description,
      tags: workflow.tags,
      inputs: Object.fromEntries(
        Object.entries(workflow.inputs).map(([name, spec]) => [name, withoutTargets(spec)]),
      ),
      requires: workflow.requires,
      ready: workers.some(({ state }) => state === 'ready'),
      workers,
    })),
    next_cursor: null,
  }));

  server.get('/api/models', () => ({
    data: pictures.workers().map(({ url, reachable, models }) => ({ worker: url, reachable, models })),
    next_cursor: null,
  }));

  server.get('/api/presets', () => ({
    data: pictures.workflows().map(({ workflow }) => ({
      name: workflow.name,
      models: workflow.requires.models.map((model) => ({
        ...model,
        installed: pictures
          .workers()
          .filter(({ models }) =>
            (models[model.folder] ?? []).some((name) => name.replaceAll('\\', '/') === model.name),
          )
          .map(({ url }) => url),
      })),
    })),
    next_cursor: null,
  }));

  server.get('/api/workflows/queue/status', () => {
    const counts = pictures.counts();
    return {
      waiting: counts['waiting'] ?? 0,
      running: (counts['running'] ?? 0) + (counts['cancelling'] ?? 0),
      states: counts,
      workers: pictures.workers().map(({ models: _models, ...worker }) => worker),
    };
  });
}

/** Which node an input fills is the workflow's own business. */
function withoutTargets(spec: object): object {
  return Object.fromEntries(Object.entries(spec).filter(([name]) => name !== 'to'));
}
