import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { countTokens, embedText, stemsOf } from './ollama-embedding.ts';
import { chatModel, embedModel, type FakeModel } from './ollama-models.ts';
import { inParts, quoteBest, type Message } from './ollama-reply.ts';
import { listen, stopListening } from './listen.ts';
import { callOf, ToolList, valueOf } from './skills.ts';

type Route = 'models' | 'chat' | 'embed' | 'rerank';

/** What goes wrong instead of an answer, or in the middle of a stream. */
export interface OpenAiFault {
  failAt: Route;
  kind: 'status' | 'hang' | 'reset' | 'cut' | 'error event' | 'bad event' | 'hang stream';
  status?: number;
  /** The server's words. */
  message?: string;
  /** The header `Retry-After` of a `status`. */
  retryAfter?: string;
  /** How many requests it meets; all of them when left out. */
  times?: number;
}

export interface FakeOpenAiSettings {
  reply: (messages: readonly Message[]) => string | readonly string[];
  /** Comes before the answer as `reasoning_content`. */
  thinking: string;
  /** Requests without `Authorization: Bearer <key>` are refused. */
  key: string | undefined;
  /** Has no `GET /v1/models`, as servers for embeddings alone. */
  hidesModels: boolean;
  /** Milliseconds between two pieces of an answer. */
  partMs: number;
  /** The numbers that a server gives its calls of tools: some begin with 1, some number each of them 0. */
  callIndexes: readonly number[];
}

export interface OpenAiExchange {
  route: Route;
  body: unknown;
  authorization: string | undefined;
  /** When it came, `performance.now()`. */
  at: number;
  end: 'open' | 'complete' | 'closed';
}

export interface FakeOpenAi {
  /** The base URL, with `/v1`. */
  url: string;
  port: number;
  models: FakeModel[];
  settings: FakeOpenAiSettings;
  exchanges: OpenAiExchange[];
  requests(route: Route): unknown[];
  plan(fault: OpenAiFault): void;
  heal(): void;
  stop(): Promise<void>;
  start(): Promise<void>;
}

const ContentPart = z.looseObject({ type: z.string(), text: z.string().optional() });
const ChatRequest = z.looseObject({
  model: z.string(),
  messages: z.array(
    z
      .looseObject({ role: z.string(), content: z.union([z.string(), z.array(ContentPart)]).nullish() })
      .transform(({ role, content }) => ({ role, content: textOf(content) })),
  ),
  stream: z.literal(true),
  max_tokens: z.int().optional(),
  tools: ToolList.default([]),
  tool_choice: z.union([z.string(), z.object({ function: z.object({ name: z.string() }) })]).default('auto'),
  response_format: z
    .looseObject({ json_schema: z.looseObject({ schema: z.unknown().optional() }).optional() })
    .optional(),
});
const EmbedRequest = z.looseObject({
  model: z.string(),
  input: z.array(z.string()),
  encoding_format: z.literal('float'),
});

function textOf(content: string | z.infer<typeof ContentPart>[] | null | undefined): string {
  if (typeof content === 'string') return content;
  return (content ?? []).map(({ text }) => text ?? '').join('\n');
}

const RerankRequest = z.strictObject({
  model: z.string(),
  query: z.string(),
  documents: z.array(z.string()),
  top_n: z.int(),
  return_documents: z.literal(false),
});

interface Reply {
  fake: Pick<FakeOpenAi, 'models' | 'settings'>;
  fault: OpenAiFault | undefined;
  body: unknown;
  response: ServerResponse;
}

/** Starts a small server of OpenAI's API, in the manner of vLLM and llama.cpp. Stop it when done. */
export async function createFakeOpenAi(
  options: Partial<FakeOpenAiSettings> & { models?: FakeModel[] } = {},
): Promise<FakeOpenAi> {
  const { models = [embedModel({ name: 'nomic-embed-text' }), chatModel()], ...settings } = options;
  const fake = {
    models: [...models],
    settings: {
      reply: quoteBest,
      thinking: '',
      key: undefined,
      hidesModels: false,
      partMs: 0,
      callIndexes: [0],
      ...settings,
    },
  };
  const exchanges: OpenAiExchange[] = [];
  const faults: OpenAiFault[] = [];
  const server = createServer((request, response) => void serve(request, response));

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const route = ROUTES[`${request.method} ${request.url}`];
    if (!route) return refuse(response, 404, 'Not Found');
    const exchange = record(route, request, response);
    exchanges.push(exchange);
    exchange.body = parse(await text(request));
    const { key } = fake.settings;
    if (key !== undefined && exchange.authorization !== `Bearer ${key}`)
      return refuse(response, 401, `Incorrect API key provided: ${exchange.authorization}`);
    const fault = takeFault(faults, route);
    if (fault && answeredByFault(fault, response)) return;
    await HANDLERS[route]({ fake, fault, body: exchange.body, response });
  }

  let port = await listen(server, 0);
  return {
    ...fake,
    get url() {
      return `http://127.0.0.1:${port}/v1`;
    },
    get port() {
      return port;
    },
    exchanges,
    requests: (route) => exchanges.filter((one) => one.route === route).map(({ body }) => body),
    plan: (fault) => void faults.push({ ...fault }),
    heal: () => void faults.splice(0),
    stop: () => stopListening(server),
    start: async () => {
      port = await listen(server, port);
    },
  };
}

const ROUTES: Record<string, Route> = {
  'GET /v1/models': 'models',
  'POST /v1/chat/completions': 'chat',
  'POST /v1/embeddings': 'embed',
  'POST /v1/rerank': 'rerank',
};

function parse(body: string): unknown {
  return body === '' ? undefined : JSON.parse(body);
}

function record(route: Route, request: IncomingMessage, response: ServerResponse): OpenAiExchange {
  const { authorization } = request.headers;
  const exchange: OpenAiExchange = {
    route,
    body: undefined,
    authorization,
    at: performance.now(),
    end: 'open',
  };
  response.on('close', () => {
    exchange.end = response.writableFinished ? 'complete' : 'closed';
  });
  return exchange;
}

function takeFault(faults: OpenAiFault[], route: Route): OpenAiFault | undefined {
  const index = faults.findIndex(({ failAt }) => failAt === route);
  const fault = faults[index];
  if (fault?.times !== undefined && --fault.times <= 0) faults.splice(index, 1);
  return fault && { ...fault };
}

function answeredByFault(
  { kind, status, message, retryAfter }: OpenAiFault,
  response: ServerResponse,
): boolean {
  if (kind === 'reset') response.destroy();
  if (kind === 'status') {
    if (retryAfter !== undefined) response.setHeader('retry-after', retryAfter);
    refuse(response, status ?? 500, message ?? 'planned failure');
  }
  return kind === 'reset' || kind === 'status' || kind === 'hang';
}

function refuse(response: ServerResponse, status: number, message: string): void {
  send(response, status, { error: { message, type: 'invalid_request_error', param: null, code: null } });
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

const HANDLERS: Record<Route, (reply: Reply) => Promise<void>> = {
  models: async ({ fake, response }) => {
    if (fake.settings.hidesModels) return refuse(response, 404, 'Not Found');
    const data = fake.models.map(({ name, contextTokens }) => ({
      id: name,
      object: 'model',
      created: 1,
      owned_by: 'fake',
      max_model_len: contextTokens,
    }));
    send(response, 200, { object: 'list', data });
  },
  embed: async (reply) => {
    const request = EmbedRequest.parse(reply.body);
    const model = modelOf(reply, request.model);
    if (!model) return;
    const tokens = request.input.map(countTokens);
    if (tokens.some((count) => count > model.contextTokens))
      return refuse(
        reply.response,
        400,
        `This model's maximum context length is ${model.contextTokens} tokens.`,
      );
    // Not in the order of the texts: `index` tells.
    const data = request.input
      .map((one, index) => ({
        object: 'embedding',
        index,
        embedding: embedText(one, model.dimension, model.weights),
      }))
      .toReversed();
    const total = tokens.reduce((sum, count) => sum + count, 0);
    const usage = { prompt_tokens: total, total_tokens: total };
    send(reply.response, 200, { object: 'list', model: request.model, data, usage });
  },
  // By the share of the query's words that a text has; best first, as the real ones answer.
  rerank: async (reply) => {
    const { query, documents, model } = RerankRequest.parse(reply.body);
    if (!modelOf(reply, model)) return;
    const asked = new Set(stemsOf(query));
    const results = documents
      .map((text, index) => ({
        index,
        relevance_score: new Set(stemsOf(text)).intersection(asked).size / asked.size,
      }))
      .toSorted((one, other) => other.relevance_score - one.relevance_score);
    send(reply.response, 200, { model, results });
  },
  chat: async (reply) => {
    const request = ChatRequest.parse(reply.body);
    const model = modelOf(reply, request.model);
    if (!model) return;
    const wanted = request.messages.reduce((sum, { content }) => sum + countTokens(content), 0);
    if (wanted >= model.contextTokens)
      return refuse(
        reply.response,
        400,
        `This model's maximum context length is ${model.contextTokens} tokens.`,
      );
    await stream(reply, chunksOf(reply, request, wanted));
  },
};

function modelOf({ fake, response }: Reply, name: string): FakeModel | undefined {
  const model = fake.models.find((one) => one.name === name);
  if (!model) refuse(response, 404, `The model \`${name}\` does not exist.`);
  return model;
}

function chunksOf({ fake }: Reply, request: z.infer<typeof ChatRequest>, promptTokens: number): object[] {
  const chunk = (delta: object, finish: string | null = null, more: object = {}) => ({
    id: 'chatcmpl-fake',
    object: 'chat.completion.chunk',
    created: 1,
    model: request.model,
    choices: [{ index: 0, delta, finish_reason: finish }],
    ...more,
  });
  const { deltas, finish } = answerOf(fake.settings, request);
  const usage = { prompt_tokens: promptTokens, completion_tokens: deltas.length };
  return [
    chunk({ role: 'assistant', content: '' }),
    ...(fake.settings.thinking === '' ? [] : [chunk({ reasoning_content: fake.settings.thinking })]),
    ...deltas.map((delta) => chunk(delta)),
    chunk({}, finish),
    { ...chunk({}), choices: [], usage: { ...usage, total_tokens: promptTokens + deltas.length } },
  ];
}

function answerOf(settings: FakeOpenAiSettings, request: z.infer<typeof ChatRequest>) {
  const called = callOf(offered(request), request.messages);
  if (called)
    return {
      deltas: callDeltas(settings.callIndexes, called.name, JSON.stringify(called.arguments)),
      finish: 'tool_calls',
    };
  const format = request.response_format;
  const said = format
    ? JSON.stringify(valueOf(format.json_schema?.schema))
    : settings.reply(request.messages);
  const parts = typeof said === 'string' ? inParts(said) : said;
  const cut = parts.length > (request.max_tokens ?? Infinity);
  const kept = cut ? parts.slice(0, request.max_tokens) : parts;
  return { deltas: kept.map((content) => ({ content })), finish: cut ? 'length' : 'stop' };
}

function offered({ tools, tool_choice: choice }: z.infer<typeof ChatRequest>) {
  if (typeof choice === 'string') return choice === 'none' ? [] : tools;
  return tools.filter((tool) => tool.function.name === choice.function.name);
}

/** A call for each index, its arguments in two pieces. */
function callDeltas(indexes: readonly number[], name: string, text: string): object[] {
  const middle = Math.ceil(text.length / 2);
  return indexes.flatMap((index, at) => {
    const piece = (called: object) => ({ tool_calls: [{ index, ...called }] });
    const id = at === 0 ? 'call_fake' : `call_fake_${at}`;
    return [
      piece({ id, type: 'function', function: { name, arguments: text.slice(0, middle) } }),
      piece({ function: { arguments: text.slice(middle) } }),
    ];
  });
}

async function stream({ fake, fault, response }: Reply, chunks: readonly object[]): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
  for (const [at, chunk] of chunks.entries()) {
    await sleep(fake.settings.partMs);
    if (response.destroyed) return;
    if (fault && at === 2) return spoil(fault, response);
    response.write(`data: ${JSON.stringify(chunk)}\n\n`);
  }
  response.end('data: [DONE]\n\n');
}

function spoil({ kind, message }: OpenAiFault, response: ServerResponse): void {
  if (kind === 'cut') response.end();
  if (kind === 'error event')
    response.end(`data: ${JSON.stringify({ error: { message: message ?? 'planned failure' } })}\n\n`);
  if (kind === 'bad event') response.end('data: this is not JSON\n\n');
}
