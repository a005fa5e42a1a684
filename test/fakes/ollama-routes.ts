import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { countTokens, cutToTokens, embedText } from './ollama-embedding.ts';
import { spoilStream, spoilVectors, type Fault, type Route } from './ollama-faults.ts';
import { digestOf, findModel, showOf, tagOf, withTag, type FakeModel } from './ollama-models.ts';
import { inParts } from './ollama-reply.ts';
import type { Exchange, FakeOllama, FakeSettings } from './ollama.ts';
import { callOf, valueOf } from './skills.ts';

export interface Context extends Pick<FakeOllama, 'installed' | 'registry' | 'counters' | 'loaded'> {
  settings: FakeSettings;
  /** What is planned for this request. */
  fault: Fault | undefined;
}

type Handler = (context: Context, exchange: Exchange, response: ServerResponse) => Promise<void>;

const Named = z.object({ model: z.string().optional(), name: z.string().optional() });
const Options = z.object({ num_ctx: z.int().optional(), num_predict: z.int().optional() }).default({});
const EmbedRequest = z.object({
  model: z.string(),
  input: z.union([z.string(), z.array(z.string())]),
  truncate: z.boolean().default(true),
  options: Options,
});
const ChatRequest = z.object({
  model: z.string(),
  messages: z.array(z.looseObject({ role: z.string(), content: z.string() })),
  tools: z.unknown().optional(),
  format: z.unknown().optional(),
  stream: z.boolean().default(true),
  truncate: z.boolean().default(true),
  think: z.boolean().optional(),
  options: Options,
});

/** One handler a route; answers as server/routes.go of Ollama does. */
export const ROUTES: Record<Route, Handler> = {
  root: async (_context, _exchange, response) => void response.end('Ollama is running'),
  version: async ({ settings }, exchange, response) => {
    await sleep(settings.costMs.status);
    send(exchange, response, 200, { version: '0.21.0' });
  },
  tags: async ({ settings, installed }, exchange, response) => {
    await sleep(settings.costMs.status);
    send(exchange, response, 200, { models: installed.map(tagOf) });
  },
  show: async ({ installed }, exchange, response) => {
    const name = nameIn(exchange);
    const model = findModel(installed, name);
    if (model) send(exchange, response, 200, showOf(model));
    else notInstalled(exchange, response, name);
  },
  pull,
  ps: async ({ loaded, settings }, exchange, response) =>
    send(exchange, response, 200, {
      models: [...loaded].map((name) => ({ name, model: name, size_vram: settings.modelBytes })),
    }),
  /** Only what unloads a model. */
  generate: async ({ loaded }, exchange, response) => {
    const model = nameIn(exchange);
    loaded.delete(withTag(model));
    send(exchange, response, 200, { model, response: '', done: true, done_reason: 'unload' });
  },
  embed: async (context, exchange, response) => {
    const request = EmbedRequest.parse(exchange.body);
    const model = findModel(context.installed, request.model);
    if (!model) return notInstalled(exchange, response, request.model);
    await context.settings.holdEmbed(model.name);
    await oneAtATime(context, model, () => embed(context, request, model, exchange, response));
  },
  chat: async (context, exchange, response) => {
    const request = ChatRequest.parse(exchange.body);
    const model = findModel(context.installed, request.model);
    if (!model) return notInstalled(exchange, response, request.model);
    await oneAtATime(context, model, () => chat(context, request, model, exchange, response));
  },
};

function nameIn(exchange: Exchange): string {
  const { model, name } = Named.parse(exchange.body);
  return model ?? name ?? '';
}

function send(exchange: Exchange, response: ServerResponse, status: number, body: object): void {
  sendText(response, status, JSON.stringify(body));
  exchange.answers.push(body);
}

function sendText(response: ServerResponse, status: number, body: string): void {
  if (response.destroyed) return;
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' });
  response.end(body);
}

function notInstalled(exchange: Exchange, response: ServerResponse, name: string): void {
  send(exchange, response, 404, { error: `model '${name}' not found` });
}

const queues = new WeakMap<Context['counters'], Promise<void>>();

/** Waits its turn, and counts the time it took as busy. */
async function oneAtATime(
  { counters, loaded, settings }: Context,
  { name }: FakeModel,
  work: () => Promise<void>,
): Promise<void> {
  const before = queues.get(counters);
  const turn = Promise.withResolvers<void>();
  queues.set(counters, turn.promise);
  await before;
  const start = performance.now();
  settings.onWork(true);
  loaded.add(withTag(name));
  try {
    await work();
  } finally {
    settings.onWork(false);
    counters.busyMs += performance.now() - start;
    turn.resolve();
  }
}

/** Takes the time; false when the caller went away meanwhile, which ends the work as in Ollama. */
async function work(ms: number, response: ServerResponse): Promise<boolean> {
  const gone = new AbortController();
  const leave = (): void => gone.abort();
  response.once('close', leave);
  if (!response.destroyed) await sleep(ms, undefined, { signal: gone.signal }).catch(() => undefined);
  response.off('close', leave);
  return !response.destroyed;
}

async function embed(
  { settings, counters, fault }: Context,
  request: z.infer<typeof EmbedRequest>,
  model: FakeModel,
  exchange: Exchange,
  response: ServerResponse,
): Promise<void> {
  const texts = typeof request.input === 'string' ? [request.input].filter(Boolean) : request.input;
  counters.embedCalls += 1;
  counters.embedTexts += texts.length;
  if (!(await work(settings.costMs.embedCall + settings.costMs.embedText * texts.length, response))) return;
  const limit = Math.min(request.options.num_ctx ?? settings.defaultContext, model.contextTokens);
  const fits = texts.every((text) => countTokens(text) <= limit);
  if (!fits && !request.truncate && !settings.ignoreTruncate)
    return send(exchange, response, 400, { error: 'the input length exceeds the context length' });
  const read = texts.map((text) => (countTokens(text) <= limit ? text : cutToTokens(text, limit)));
  const tokens = texts.reduce((sum, text) => sum + Math.min(countTokens(text), limit), 0);
  const body = {
    model: request.model,
    embeddings: read.map((text) => embedText(text, model.dimension, model.weights)),
    total_duration: 14_143_917,
    load_duration: 1_019_500,
    ...(settings.hideCounts ? {} : { prompt_eval_count: tokens }),
  };
  if (!fault) return send(exchange, response, 200, body);
  const { embeddings, ...rest } = body;
  const spoilt = `"embeddings":${spoilVectors(fault.kind, embeddings)}`;
  sendText(response, 200, JSON.stringify(rest).replace('{', `{${spoilt},`));
}

function callsOf({ calls }: FakeSettings, { tools, messages }: z.infer<typeof ChatRequest>): object[] {
  const usual = callOf(tools, messages);
  if (!usual) return [];
  return calls?.(messages) ?? [usual];
}

async function chat(
  context: Context,
  request: z.infer<typeof ChatRequest>,
  model: FakeModel,
  exchange: Exchange,
  response: ServerResponse,
): Promise<void> {
  const { settings, counters } = context;
  counters.chatCalls += 1;
  const limit = Math.min(request.options.num_ctx ?? settings.defaultContext, model.contextTokens);
  const wanted = request.messages.reduce((sum, message) => sum + countTokens(message.content), 0);
  if (wanted >= limit && !request.truncate && !settings.ignoreTruncate)
    return send(exchange, response, 400, {
      error: `request (${wanted} tokens) exceeds the available context size (${limit} tokens), try increasing it`,
    });
  const { parts, finish } = answerOf(settings, request);
  const called = callsOf(settings, request);
  const line = (content: string, more: object = {}) => ({
    model: request.model,
    created_at: new Date().toISOString(),
    message: { role: 'assistant', content },
    done: false,
    ...more,
  });
  const thinks = settings.thinking !== '' && request.think !== false;
  const thought = { message: { role: 'assistant', content: '', thinking: settings.thinking } };
  const last = line('', {
    done: true,
    done_reason: finish,
    total_duration: 174_560_334,
    load_duration: 101_397_084,
    prompt_eval_count: Math.min(wanted, limit),
    prompt_eval_duration: 13_074_791,
    eval_count: parts.length,
    eval_duration: 52_479_709,
  });
  if (!request.stream) {
    await sleep(settings.costMs.chatPart * parts.length);
    const message = { role: 'assistant', content: parts.join(''), ...(thinks ? thought.message : {}) };
    return send(exchange, response, 200, { ...last, message: { ...message, content: parts.join('') } });
  }
  const call = {
    message: { role: 'assistant', content: '', tool_calls: called.map((one) => ({ function: one })) },
  };
  const said = called.length > 0 ? [line('', call)] : parts.map((part) => line(part));
  const lines = [...(thinks ? [line('', thought)] : []), ...said, last];
  await stream(context, exchange, response, lines, settings.costMs.chatPart);
}

function answerOf(settings: FakeSettings, request: z.infer<typeof ChatRequest>) {
  const format = request.format === 'json' ? {} : request.format;
  const said = format ? JSON.stringify(valueOf(format)) : settings.reply(request.messages);
  const parts = typeof said === 'string' ? inParts(said) : said;
  const most = request.options.num_predict ?? -1;
  const cut = most >= 0 && parts.length > most;
  return { parts: cut ? parts.slice(0, most) : parts, finish: cut ? 'length' : 'stop' };
}

/** Two layers, the first one big, each in ten steps. */
async function pull(context: Context, exchange: Exchange, response: ServerResponse): Promise<void> {
  const { registry, installed, settings } = context;
  const name = nameIn(exchange);
  const model = findModel(registry, name);
  const lines = model
    ? pullLines(model)
    : [{ status: 'pulling manifest' }, { error: 'pull model manifest: file does not exist' }];
  const complete = await stream(context, exchange, response, lines, settings.costMs.pullStep);
  if (!model || !complete) return;
  const old = installed.findIndex((other) => withTag(other.name) === withTag(name));
  installed.splice(old < 0 ? installed.length : old, old < 0 ? 0 : 1, model);
}

function pullLines(model: FakeModel): object[] {
  const digest = `sha256:${digestOf(model)}`;
  const layers = [
    { digest, total: 1000 },
    { digest: digest.replace(/.$/, 'x'), total: 10 },
  ];
  return [
    { status: 'pulling manifest' },
    ...layers.flatMap(({ digest, total }) =>
      Array.from({ length: 11 }, (_, step) => ({
        status: `pulling ${digest.slice(7, 19)}`,
        digest,
        total,
        ...(step > 0 ? { completed: (total * step) / 10 } : {}),
      })),
    ),
    { status: 'verifying sha256 digest' },
    { status: 'writing manifest' },
    { status: 'success' },
  ];
}

/** Sends the lines one after the other. False when it did not come to the end. */
async function stream(
  { fault }: Context,
  exchange: Exchange,
  response: ServerResponse,
  lines: readonly object[],
  costMs: number,
): Promise<boolean> {
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  for (const [index, line] of lines.entries()) {
    await sleep(costMs);
    if (response.destroyed) return false;
    if (fault && index === (fault.afterLines ?? 1) && spoilStream(fault, response)) return false;
    response.write(`${JSON.stringify(line)}\n`);
    exchange.answers.push(line);
  }
  response.end();
  return true;
}
