import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { listen, stopListening } from './listen.ts';
import { answerWithFault, type Fault, type Route } from './ollama-faults.ts';
import { chatModel, embedModel, type FakeModel } from './ollama-models.ts';
import { ROUTES, type Context } from './ollama-routes.ts';
import { quoteBest, type Message } from './ollama-reply.ts';

export type { Fault, FakeModel, Message, Route };
export { chatModel, embedModel };

export interface FakeSettings {
  /** Time the "GPU" takes, in milliseconds. Embedding and chat are one request at a time, as with Ollama. */
  costMs: { embedCall: number; embedText: number; chatPart: number; pullStep: number; status: number };
  /** Cuts too long texts silently although asked not to, as some versions of Ollama do. */
  ignoreTruncate: boolean;
  /** Leaves `prompt_eval_count` out of embeddings. */
  hideCounts: boolean;
  /** The context when a request does not name one. */
  defaultContext: number;
  /** What `/api/chat` says; several pieces are streamed as they are. */
  reply: (messages: readonly Message[]) => string | readonly string[];
  /** What a model that is offered tools calls, once; the first tool with what fits unless told. */
  calls: ((messages: readonly Message[]) => { name: string; arguments: object }[]) | undefined;
  /** What a model takes of the card while it is loaded. */
  modelBytes: number;
  /** Told when the card begins and ends to work. */
  onWork: (begins: boolean) => void;
  /** Waited for before a request for vectors takes its turn: holds one model back while others answer. */
  holdEmbed: (model: string) => Promise<void> | undefined;
  /** Comes before the answer as `message.thinking`. */
  thinking: string;
}

/** A request and what was answered: one body, or the lines of a stream. */
export interface Exchange {
  route: Route;
  body: unknown;
  authorization: string | undefined;
  status: number;
  answers: unknown[];
  /** `closed`: the connection ended before the answer was complete. */
  end: 'open' | 'complete' | 'closed';
}

export interface FakeOllama {
  url: string;
  port: number;
  settings: FakeSettings;
  /** Models on the disk, and models that can be pulled. */
  installed: FakeModel[];
  registry: FakeModel[];
  exchanges: Exchange[];
  /** Names of the models that are in memory. */
  loaded: Set<string>;
  counters: { embedCalls: number; embedTexts: number; chatCalls: number; busyMs: number };
  /** Plans a failure; several for one route are met in turn. */
  plan(fault: Fault): void;
  /** Forgets every planned failure. */
  heal(): void;
  /** Bodies of the requests to a route, in order. */
  requests(route: Route): unknown[];
  /** Takes the server away: open connections are cut, new ones refused. */
  stop(): Promise<void>;
  /** Brings it back on its port. */
  start(): Promise<void>;
}

export interface FakeOptions extends Partial<Omit<FakeSettings, 'costMs'>> {
  /** 0 or absent: a free one. */
  port?: number;
  installed?: FakeModel[];
  registry?: FakeModel[];
  costMs?: Partial<FakeSettings['costMs']>;
}

/** Starts a small Ollama on 127.0.0.1 that speaks the real one's wire format. Stop it when done. */
export async function createFakeOllama(options: FakeOptions = {}): Promise<FakeOllama> {
  const faults: Fault[] = [];
  const context: Context = {
    settings: settingsOf(options),
    installed: [...(options.installed ?? [embedModel(), chatModel()])],
    registry: [...(options.registry ?? [])],
    counters: { embedCalls: 0, embedTexts: 0, chatCalls: 0, busyMs: 0 },
    loaded: new Set(),
    fault: undefined,
  };
  const exchanges: Exchange[] = [];
  const server = createServer((request, response) => void serve(request, response));

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const route = routeOf(request);
    if (!route) return notFound(response);
    const exchange = record(route, request, response);
    exchanges.push(exchange);
    exchange.body = parseBody(await text(request));
    const fault = takeFault(faults, route);
    if (fault && answerWithFault(fault, response)) return;
    await ROUTES[route]({ ...context, fault }, exchange, response);
  }

  let port = await listen(server, options.port ?? 0);
  return {
    get url() {
      return `http://127.0.0.1:${port}`;
    },
    get port() {
      return port;
    },
    settings: context.settings,
    installed: context.installed,
    registry: context.registry,
    counters: context.counters,
    loaded: context.loaded,
    exchanges,
    plan: (fault) => void faults.push({ ...fault }),
    heal: () => void faults.splice(0),
    requests: (route) => exchanges.filter((one) => one.route === route).map((one) => one.body),
    stop: () => stopListening(server),
    start: async () => {
      port = await listen(server, port);
    },
  };
}

function settingsOf(options: FakeOptions): FakeSettings {
  return {
    costMs: { embedCall: 0, embedText: 0, chatPart: 0, pullStep: 0, status: 0, ...options.costMs },
    ignoreTruncate: options.ignoreTruncate ?? false,
    hideCounts: options.hideCounts ?? false,
    defaultContext: options.defaultContext ?? 4096,
    calls: options.calls,
    reply: options.reply ?? quoteBest,
    thinking: options.thinking ?? '',
    modelBytes: options.modelBytes ?? 3 * 2 ** 30,
    onWork: options.onWork ?? (() => undefined),
    holdEmbed: options.holdEmbed ?? (() => undefined),
  };
}

const PATHS: Record<string, Route> = {
  'HEAD /': 'root',
  'GET /': 'root',
  'GET /api/version': 'version',
  'GET /api/tags': 'tags',
  'POST /api/show': 'show',
  'POST /api/pull': 'pull',
  'POST /api/embed': 'embed',
  'POST /api/chat': 'chat',
  'GET /api/ps': 'ps',
  'POST /api/generate': 'generate',
};

function routeOf(request: IncomingMessage): Route | undefined {
  return PATHS[`${request.method} ${new URL(request.url ?? '/', 'http://fake').pathname}`];
}

function notFound(response: ServerResponse): void {
  response.writeHead(404, { 'content-type': 'text/plain' });
  response.end('404 page not found');
}

function record(route: Route, request: IncomingMessage, response: ServerResponse): Exchange {
  const { authorization } = request.headers;
  const exchange: Exchange = { route, body: undefined, authorization, status: 0, answers: [], end: 'open' };
  response.on('close', () => {
    exchange.status = response.statusCode;
    exchange.end = response.writableFinished ? 'complete' : 'closed';
  });
  return exchange;
}

function parseBody(body: string): unknown {
  return body === '' ? undefined : JSON.parse(body);
}

/** Faults with `times` left come first; one without stays for good. */
function takeFault(faults: Fault[], route: Route): Fault | undefined {
  const index = faults.findIndex((fault) => fault.failAt === route);
  const fault = faults[index];
  if (fault?.times !== undefined && --fault.times <= 0) faults.splice(index, 1);
  return fault && { ...fault };
}
