/**
 * A model server of fixed speed in a process of its own, on Ollama's API: any number of answers at once, each with its first
 * part after a set time and the others at a set distance. Forked by the benches.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';
import { setTimeout as after } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { listen } from '../test/fakes/listen.ts';
import { chatModel, digestOf, embedModel, showOf, tagOf } from '../test/fakes/ollama-models.ts';
import { createRandom, createVectors } from './corpus.ts';
import { DIMENSIONS } from './search-queries.ts';

/** How an answer comes, in ms and parts. */
export interface Speed {
  firstMs: number;
  partMs: number;
  parts: number;
}

export interface ModelUnderTest {
  url: string;
  set(speed: Speed): void;
  stop(): Promise<void>;
}

const EMBED = embedModel({ dimension: DIMENSIONS });
const CHAT = chatModel({ contextTokens: 32_768 });
export const EMBED_MODEL = EMBED.name.replace(/:latest$/, '');
export const CHAT_MODEL = CHAT.name;
/** The name under which the service looks for vectors. */
export const IDENTITY = `${EMBED_MODEL}@${digestOf(EMBED).slice(0, 12)}`;

const Ready = z.object({ url: z.string() });
const SpeedMessage = z.object({ firstMs: z.number(), partMs: z.number(), parts: z.number() });
const EmbedRequest = z.object({ input: z.union([z.string(), z.array(z.string())]) });

export async function startModel(): Promise<ModelUnderTest> {
  const child = fork(fileURLToPath(import.meta.url), ['run']);
  const [message] = await once(child, 'message');
  return {
    url: Ready.parse(message).url,
    set: (speed) => void child.send(speed),
    async stop() {
      const ended = once(child, 'exit');
      child.kill();
      await ended;
    },
  };
}

async function run(): Promise<void> {
  let speed: Speed = { firstMs: 0, partMs: 0, parts: 1 };
  const nextVector = createVectors(DIMENSIONS, 1000, createRandom(3));
  const server = createServer((request, response) => void answer(request, response));

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '';
    if (path === '/api/chat') return chat(request, response);
    if (path === '/api/embed') {
      const { input } = EmbedRequest.parse(await json(request));
      const embeddings = [input].flat().map(() => Array.from(nextVector()));
      return send(response, { model: EMBED.name, embeddings, prompt_eval_count: 8 });
    }
    if (path === '/api/tags') return send(response, { models: [tagOf(EMBED), tagOf(CHAT)] });
    if (path === '/api/version') return send(response, { version: '0.21.0' });
    if (path !== '/api/show') return void response.end('Ollama is running');
    const { model } = z.object({ model: z.string() }).parse(await json(request));
    return send(response, showOf(model.startsWith(EMBED_MODEL) ? EMBED : CHAT));
  }

  async function chat(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const began = performance.now();
    const { firstMs, partMs, parts } = speed;
    await json(request);
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    for (let part = 0; part < parts && !response.destroyed; part++) {
      // Timers are late by some; against the clock the whole answer is not.
      const wait = began + firstMs + part * partMs - performance.now();
      if (wait > 0) await after(wait);
      response.write(line({ message: { role: 'assistant', content: part === 1 ? '[1] ' : 'word ' } }));
    }
    response.end(line({ message: { role: 'assistant', content: '' }, done: true, ...COUNTS }));
  }

  const port = await listen(server, 0);
  process.on('message', (message) => {
    speed = SpeedMessage.parse(message);
  });
  process.send?.({ url: `http://127.0.0.1:${port}` });
}

const COUNTS = { done_reason: 'stop', prompt_eval_count: 900, eval_count: 50 };

function line(fields: object): string {
  return `${JSON.stringify({ model: CHAT.name, created_at: '2026-01-01T00:00:00Z', done: false, ...fields })}\n`;
}

function send(response: ServerResponse, body: object): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

if (process.argv[2] === 'run' && process.send) await run();
