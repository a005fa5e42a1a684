import { randomUUID } from 'node:crypto';
import { fastify, type FastifyInstance } from 'fastify';
import { LimnerError } from '../errors.ts';
import type { Log } from '../log.ts';
import { documentRoutes } from './documents.ts';
import { eventRoutes } from './events.ts';
import { createErrorHandler } from './failure.ts';
import { figureRoutes } from './figures.ts';
import { createGuard, type GuardOptions } from './guard.ts';
import { healthRoutes, type HealthRoutes } from './health.ts';
import { imageRoutes } from './images.ts';
import { indexRoutes, type IndexRoutes } from './index-model.ts';
import { inboxRoutes, type InboxRoutes } from './inbox.ts';
import { jobRoutes } from './jobs.ts';
import { pageRoutes } from './page.ts';
import { openAiRoutes, type OpenAiRoutes } from './openai.ts';
import { openAiImageRoutes, type OpenAiImages } from './openai-images.ts';
import { searchRoutes, type SearchRoutes } from './search.ts';
import { subscriptionRoutes } from './subscriptions.ts';
import { viewerRoutes } from './viewer.ts';
import { workflowRoutes, type WorkflowParts } from './workflows.ts';
import { webhookRoutes } from './webhooks.ts';

export interface ServerOptions {
  guard: Omit<GuardOptions, 'hosts' | 'publicUrl' | 'signed'>;
  publicUrl: string | undefined;
  maxFileBytes: number;
}

export interface ServerParts
  extends HealthRoutes, Omit<OpenAiRoutes, 'publicUrl' | 'maxFileBytes'>, Omit<SearchRoutes, 'publicUrl'> {
  documents: Parameters<typeof documentRoutes>[1]['documents'];
  jobs: Parameters<typeof jobRoutes>[1]['jobs'];
  deliveries: Parameters<typeof webhookRoutes>[1]['deliveries'];
  secrets: readonly string[];
  folder: InboxRoutes['folder'];
  index: IndexRoutes['index'];
  notices: Parameters<typeof subscriptionRoutes>[1]['notices'];
  pictures: OpenAiImages['pictures'] & WorkflowParts & Parameters<typeof eventRoutes>[1]['pictures'];
  pictureDefaults: OpenAiImages['defaults'];
  changes: Parameters<typeof eventRoutes>[1]['changes'];
  log: Log;
}

const HOUR_MS = 3_600_000;

/** The HTTP surface: every route in the order of the design. Fastify's own defaults are no posture. */
export function createServer(options: ServerOptions, parts: ServerParts): FastifyInstance {
  const handleError = createErrorHandler(parts.log);
  const server = fastify({
    logger: false,
    // Addresses that cannot be decoded never reach the error handler below.
    frameworkErrors: handleError,
    genReqId: () => randomUUID(),
    bodyLimit: 4 * 1024 * 1024,
    connectionTimeout: 0,
    requestTimeout: HOUR_MS,
    keepAliveTimeout: 10_000,
    routerOptions: { maxParamLength: 500 },
    http: { headersTimeout: 10_000, connectionsCheckingInterval: 2_000 },
    trustProxy: false,
    // Streams of events never end by themselves; without this the service could not stop.
    forceCloseConnections: true,
  });
  const publicUrl = (request: { protocol: string; host: string }): string =>
    options.publicUrl ?? `${request.protocol}://${request.host}`;
  const guard = createGuard({
    ...options.guard,
    hosts: options.publicUrl === undefined ? [] : [new URL(options.publicUrl).hostname],
    publicUrl: options.publicUrl,
    // A signature stands for a key.
    signed: parts.secrets.length > 0 ? ['/webhooks/process'] : [],
  });

  server.setErrorHandler(handleError);
  server.setNotFoundHandler(() => {
    throw new LimnerError('not_found', 'There is no such route.');
  });
  server.addHook('onRequest', async (request, reply) => {
    void reply.header('x-content-type-options', 'nosniff').header('referrer-policy', 'no-referrer');
    guard(request);
  });

  healthRoutes(server, parts);
  figureRoutes(server, parts);
  documentRoutes(server, { documents: parts.documents, maxFileBytes: options.maxFileBytes });
  inboxRoutes(server, parts);
  indexRoutes(server, parts);
  searchRoutes(server, { ...parts, publicUrl });
  openAiRoutes(server, { ...parts, publicUrl, maxFileBytes: options.maxFileBytes });
  webhookRoutes(server, parts);
  subscriptionRoutes(server, parts);
  jobRoutes(server, parts);
  eventRoutes(server, parts);
  imageRoutes(server, parts);
  workflowRoutes(server, parts);
  openAiImageRoutes(server, { pictures: parts.pictures, publicUrl, defaults: parts.pictureDefaults });
  viewerRoutes(server, parts);
  pageRoutes(server);
  return server;
}
