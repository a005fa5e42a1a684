import { randomUUID } from 'node:crypto';
import { fastify, type FastifyInstance } from 'fastify';
import type { Log } from '../log.ts';
import { createAccessScope } from './access.ts';
import type { KeptConversations } from '../ask/kept-conversations.ts';
import { conversationRoutes } from './conversation-routes.ts';
import { docsRoutes } from './docs-page.ts';
import { documentRoutes } from './documents.ts';
import { eventRoutes } from './events.ts';
import { createErrorHandler } from './failure.ts';
import { figureRoutes } from './figures.ts';
import { addGates } from './gates.ts';
import { createGuard, type GuardOptions } from './guard.ts';
import { healthRoutes, type HealthRoutes } from './health.ts';
import { imageRoutes } from './images.ts';
import { goldenRoutes } from './golden.ts';
import { indexRoutes, type IndexRoutes } from './index-model.ts';
import { inboxRoutes, type InboxRoutes } from './inbox.ts';
import { jobRoutes } from './jobs.ts';
import { keyRoutes } from './key-routes.ts';
import type { Keys } from './keys.ts';
import type { Links } from './links.ts';
import { limitPorts } from './limited.ts';
import type { LimitedService } from './limited-service.ts';
import { createLimits, type LimitOptions } from './limits.ts';
import { createSessions, loginRoutes } from './login.ts';
import { pageRoutes } from './page.ts';
import { pullRoutes, type PullParts } from './pulls.ts';
import { mcpRoutes } from './mcp-routes.ts';
import { pendingRoutes } from './pending.ts';
import { openApiRoutes } from './openapi.ts';
import { readingRoutes } from './reading.ts';
import { createRouteList } from './route-list.ts';
import { openAiRoutes, type OpenAiRoutes } from './openai.ts';
import { openAiImageRoutes, type OpenAiImages } from './openai-images.ts';
import { createStaticFiles } from './static-files.ts';
import { searchRoutes, type SearchRoutes } from './search.ts';
import { subscriptionRoutes } from './subscriptions.ts';
import { systemRoutes, type SystemParts } from './system.ts';
import { viewerRoutes } from './viewer.ts';
import { createWithin } from './within.ts';
import { workflowRoutes, type WorkflowParts } from './workflows.ts';
import { webhookRoutes } from './webhooks.ts';

export interface ServerOptions {
  guard: Omit<GuardOptions, 'hosts' | 'publicUrl' | 'signed'>;
  publicUrl: string | undefined;
  maxFileBytes: number;
  limits: LimitOptions;
}

export interface ServerParts
  extends
    HealthRoutes,
    PullParts,
    SystemParts,
    Omit<OpenAiRoutes, 'publicUrl' | 'sourcesOfKey' | 'maxFileBytes'>,
    Omit<SearchRoutes, 'publicUrl'> {
  documents: Parameters<typeof documentRoutes>[1]['documents'];
  jobs: Parameters<typeof jobRoutes>[1]['jobs'];
  deliveries: Parameters<typeof webhookRoutes>[1]['deliveries'];
  secrets: readonly string[];
  folder: InboxRoutes['folder'];
  index: IndexRoutes['index'];
  golden: Parameters<typeof goldenRoutes>[1]['golden'];
  notices: Parameters<typeof subscriptionRoutes>[1]['notices'];
  pictures: OpenAiImages['pictures'] & WorkflowParts & Parameters<typeof eventRoutes>[1]['pictures'];
  pictureDefaults: OpenAiImages['defaults'];
  changes: Parameters<typeof eventRoutes>[1]['changes'];
  ledger: LimitedService['ledger'];
  keys: Keys;
  conversations: KeptConversations;
  links: Links;
  log: Log;
}

const HOUR_MS = 3_600_000;
const HEAD_MS = 10_000;

/** The HTTP surface: every route in the order of the design. Fastify's own defaults are no posture. */
export function createServer(options: ServerOptions, whole: ServerParts): FastifyInstance {
  const scope = createAccessScope(whole.matching, whole.keys);
  // From here on no route has a port that reaches beyond the key of its request.
  const parts = limitPorts(whole, scope);
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
    // Base URLs are written with and without their last slash.
    routerOptions: { maxParamLength: 500, ignoreTrailingSlash: true, ignoreDuplicateSlashes: true },
    // Who has not sent a whole head by then is cut, also who has sent nothing.
    http: { headersTimeout: HEAD_MS, connectionsCheckingInterval: 2_000 },
    trustProxy: false,
    // Streams of events never end by themselves; without this the service could not stop.
    forceCloseConnections: true,
  });
  const publicUrl = (request: { protocol: string; host: string }): string =>
    options.publicUrl ?? `${request.protocol}://${request.host}`;
  const sessions = createSessions(parts.keys);
  const guard = createGuard(
    {
      ...options.guard,
      hosts: options.publicUrl === undefined ? [] : [new URL(options.publicUrl).hostname],
      publicUrl: options.publicUrl,
      // A signature stands for a key.
      signed: parts.secrets.length > 0 ? ['/webhooks/process'] : [],
    },
    { keys: parts.keys, sessions, links: parts.links },
  );

  server.setErrorHandler(handleError);
  const routes = createRouteList(server);
  const within = createWithin(server);
  addGates(server, {
    within,
    methodsOf: routes.methodsOf,
    guard,
    scope,
    limits: createLimits(options.limits),
    origins: options.guard.origins,
  });

  loginRoutes(server, { guard, sessions, secure: options.publicUrl?.startsWith('https:') ?? false });
  keyRoutes(server, parts);
  healthRoutes(server, parts);
  figureRoutes(server, parts);
  documentRoutes(server, { documents: parts.documents, maxFileBytes: options.maxFileBytes });
  readingRoutes(server, parts);
  inboxRoutes(server, parts);
  indexRoutes(server, parts);
  goldenRoutes(server, parts);
  systemRoutes(server, parts);
  pullRoutes(server, parts);
  searchRoutes(server, { ...parts, publicUrl });
  openAiRoutes(server, {
    ...parts,
    publicUrl,
    sourcesOfKey: scope.sources,
    maxFileBytes: options.maxFileBytes,
  });
  conversationRoutes(server, () => parts.conversations(scope.owner()));
  webhookRoutes(server, parts);
  subscriptionRoutes(server, parts);
  jobRoutes(server, parts);
  eventRoutes(server, { ...parts, lasting: scope.lasting });
  imageRoutes(server, parts);
  pendingRoutes(server, parts);
  workflowRoutes(server, parts);
  openAiImageRoutes(server, { pictures: parts.pictures, publicUrl, defaults: parts.pictureDefaults });
  const files = createStaticFiles();
  viewerRoutes(server, { documents: parts.documents, files });
  pageRoutes(server, { files });
  mcpRoutes(server, { within });
  openApiRoutes(server, routes.all);
  docsRoutes(server);
  return server;
}
