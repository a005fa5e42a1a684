import type { FastifyInstance } from 'fastify';

/** The truthful number: what the ledger and the store hold now, and which servers are there. */
export interface Status {
  documents: Record<string, number>;
  failed: Record<string, number>;
  /** Null while the store cannot be asked. */
  chunks: number | null;
  vectors: number | null;
  store: { kind: string; state: 'ready' | 'unavailable'; message: string | null };
  jobs: number;
  settling: number;
  inbox: {
    path: string;
    online: boolean;
    message: string | null;
    ignored: number;
    held: number;
    /** Settings files of folders that cannot be used. */
    problems: { file: string; line: number | null; message: string }[];
    /** By events, or by looking often, and why. */
    watching: { mode: 'events' | 'polling'; reason: string | null };
  };
  servers: Record<string, unknown>;
  /** Processors that the users wrote, by name, and files that are none. */
  processors: { own: string[]; broken: { file: string; reason: string }[] };
}

export interface HealthRoutes {
  status: () => Promise<Status>;
  metrics: () => Promise<{ type: string; text: string }>;
}

export function healthRoutes(server: FastifyInstance, { status, metrics }: HealthRoutes): void {
  server.get('/healthz', () => ({ status: 'ok' }));

  server.get('/readyz', async (_request, reply) => {
    const { inbox, servers, store } = await status();
    const isReady = inbox.online && store.state === 'ready';
    return reply.code(isReady ? 200 : 503).send({
      status: isReady ? 'ready' : 'degraded',
      message: inbox.online && !isReady ? store.message : inbox.message,
      store,
      servers,
    });
  });

  server.get('/api/status', status);

  server.get('/metrics', async (_request, reply) => {
    const { type, text } = await metrics();
    return reply.header('content-type', type).send(text);
  });
}
