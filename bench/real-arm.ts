/** A second arm from an embedding server: `--embed URL --model NAME` of the benches that compare the two arms. */
import { createHash } from 'node:crypto';
import { embeddingText } from '../src/document.ts';
import { createLog } from '../src/log.ts';
import type { ModelServer } from '../src/models/model-server.ts';
import { createOllama } from '../src/models/ollama.ts';
import { createOpenAi } from '../src/models/openai.ts';
import type { Found, JudgedDocument } from './judged-sets.ts';
import type { Scored } from './stand-in-arms.ts';

const CALL_TEXTS = 64;
/** What a document without text scores: it has no vector. */
const NO_VECTOR = -1;

export interface RealArm {
  model: string;
  /** Cosines of every document for each query, each document embedded as one chunk under its title. */
  score(documents: readonly JudgedDocument[], queries: readonly string[]): Promise<Scored>;
  close(): Promise<void>;
}

/** An address that ends with `/v1` is a server of OpenAI's API, every other one Ollama's; nothing is pulled. */
export async function connectArm(url: string, name: string): Promise<RealArm> {
  const server = connect(url, name);
  const status = await server.check();
  const model = server.embed.ready()?.identity;
  if (model === undefined) {
    await server.close();
    throw new Error(`${name} at ${url} cannot be used: ${status.embed.message ?? status.embed.state}`);
  }
  const { signal } = new AbortController();
  return {
    model,
    close: () => server.close(),
    score: async (documents, queries) => {
      const texts = documents.map(({ title, text }) => embeddingText({ headings: [title], text }));
      const vectors = await embedAll(texts);
      const scored: Scored = [];
      for (const query of queries) {
        const at = await server.embed.query(query, signal);
        scored.push(Float64Array.from(vectors, (vector) => (vector ? dot(vector, at) : NO_VECTOR)));
      }
      return scored;
    },
  };

  async function embedAll(texts: readonly string[]): Promise<(Float32Array | undefined)[]> {
    const written = [...texts.keys()].filter((at) => texts[at]?.trim() !== '');
    const vectors: (Float32Array | undefined)[] = texts.map(() => undefined);
    for (let from = 0; from < written.length; from += CALL_TEXTS) {
      const places = written.slice(from, from + CALL_TEXTS);
      const made = await server.embed.documents(
        places.map((at) => texts[at] ?? ''),
        signal,
      );
      for (const [at, place] of places.entries()) vectors[place] = made[at];
    }
    return vectors;
  }
}

/** The best `depth` documents by their scores, best first. */
export function bestOf(scores: Float64Array, depth: number): Found[] {
  return Array.from(scores, (score, at) => ({ at, score }))
    .sort((one, other) => other.score - one.score)
    .slice(0, depth);
}

function connect(url: string, embedModel: string): ModelServer {
  const log = createLog({ level: 'warn', secrets: [] });
  if (!/\/v1\/?$/.test(url)) return createOllama({ host: url, embedModel, pull: false, log });
  return createOpenAi({ url, embedModel, identify, log });
}

function identify(_model: string, vector: Float32Array): Promise<string> {
  return Promise.resolve(createHash('sha256').update(new Uint8Array(vector.buffer)).digest('hex'));
}

function dot(one: Float32Array, other: Float32Array): number {
  let sum = 0;
  for (let at = 0; at < one.length; at++) sum += (one[at] ?? 0) * (other[at] ?? 0);
  return sum;
}
