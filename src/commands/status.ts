import { z } from 'zod';
import type { Context } from '../command-line.ts';
import { openService, type Service } from './service.ts';

const Model = z.object({ name: z.string(), state: z.string(), message: z.string().optional() });
const ModelServer = z.object({ url: z.string(), reachable: z.boolean(), embed: Model, chat: Model });
const Status = z.object({
  documents: z.record(z.string(), z.number()),
  chunks: z.number().nullable(),
  vectors: z.number().nullable(),
  store: z.object({ kind: z.string(), state: z.string(), message: z.string().nullable() }),
  inbox: z.object({
    path: z.string(),
    online: z.boolean(),
    message: z.string().nullable(),
    ignored: z.number(),
  }),
  servers: z.object({
    ollama: ModelServer.optional(),
    chat_server: ModelServer.optional(),
    embed_server: ModelServer.optional(),
  }),
});
const Failed = z.object({
  data: z.array(
    z.object({ uri: z.string(), error: z.object({ code: z.string(), message: z.string() }).nullable() }),
  ),
});

/** Failed documents that are listed one by one. */
const LISTED = 20;

export async function status(context: Context): Promise<number> {
  const service = await openService(context);
  try {
    const now = await service.call(Status, 'GET', '/api/status');
    process.stdout.write(`${lines(now, service).join('\n')}\n`);
    const failed = await service.call(Failed, 'GET', `/api/documents?status=failed&limit=${LISTED}`);
    for (const { uri, error } of failed.data)
      process.stdout.write(`  ${JSON.stringify(uri)}: ${error?.message ?? ''} (${error?.code ?? ''})\n`);
    return 0;
  } finally {
    await service.close();
  }
}

function lines(
  { documents, chunks, vectors, store, inbox, servers }: z.infer<typeof Status>,
  service: Service,
): string[] {
  const states = Object.entries(documents).map(([state, count]) => `${count} ${state}`);
  return [
    service.address === undefined ? 'The service is not running.' : `The service runs at ${service.address}.`,
    `inbox      ${inbox.path}${inbox.message === null ? '' : ` (${inbox.message})`}`,
    `documents  ${states.join(', ') || 'none yet'}`,
    chunks === null
      ? 'passages   not known while the store cannot be asked'
      : `passages   ${chunks}, ${vectors} of them with a vector`,
    `store      ${store.kind}, ${store.state}${store.message === null ? '' : ` (${store.message})`}`,
    ...Object.values(servers).flatMap((server) => (server ? [serverLine(server)] : [])),
  ];
}

function serverLine({ url, reachable, embed, chat }: z.infer<typeof ModelServer>): string {
  const models = [embed, chat].filter(({ state }) => state !== 'unused');
  const states = models.map(({ name, state }) => `${name} ${state}`);
  return `models     ${url}: ${reachable ? 'reachable' : 'not reachable'}; ${states.join(', ')}`;
}
