import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { LimnerError } from '../errors.ts';
import { parse } from './failure.ts';
import { signalOf } from './sse.ts';

/** What makes the vectors; `name` is the model's as requests use it. */
export interface TextEmbedder {
  name(): string;
  /** As they are, without what the model wants written before them. Vectors have length 1. */
  plain(texts: readonly string[], signal: AbortSignal): Promise<{ vectors: Float32Array[]; tokens: number }>;
}

const Text = z.string().min(1);
const Texts = z.union([Text, z.array(Text).min(1).max(2048)], {
  error:
    'a text or up to 2048 texts; lists of tokens are not read, since every model has tokens of its own (LangChain for Python: check_embedding_ctx_length=False)',
});

/** What is not named here is ignored; docs/openai.md lists each field of OpenAI's. */
export const EmbeddingRequest = z.looseObject({
  model: z.string().min(1),
  input: Texts,
  encoding_format: z.enum(['float', 'base64']).nullish(),
  dimensions: z.number().int().min(1).nullish(),
});

/** Long enough for 2048 texts of a few pages. */
const MAX_BYTES = 32 * 1024 * 1024;

export function embeddingRoutes(server: FastifyInstance, { embedder }: { embedder: TextEmbedder }): void {
  server.post('/v1/embeddings', { bodyLimit: MAX_BYTES }, async (request, reply) => {
    const body = parse(EmbeddingRequest, request.body);
    checkModel(body.model, embedder.name());
    const { vectors, tokens } = await embedder.plain([body.input].flat(), signalOf(request, reply));
    const data = vectors.map((vector, index) => ({
      object: 'embedding',
      index,
      embedding: encode(shorten(vector, body.dimensions ?? undefined), body.encoding_format ?? 'float'),
    }));
    return {
      object: 'list',
      model: body.model,
      data,
      usage: { prompt_tokens: tokens, total_tokens: tokens },
    };
  });
}

function checkModel(asked: string, name: string): void {
  if (asked === name || asked === 'limner' || withTag(asked) === withTag(name)) return;
  throw new LimnerError('model_not_found', `There is no embedding model "${asked}"; it is "${name}".`, {
    param: 'model',
  });
}

function withTag(name: string): string {
  return name.includes(':') ? name : `${name}:latest`;
}

/** The first dimensions at length 1, which is what OpenAI does; only some models are trained to be shortened. */
function shorten(vector: Float32Array, dimensions: number | undefined): Float32Array {
  if (dimensions === undefined || dimensions === vector.length) return vector;
  if (dimensions > vector.length)
    throw new LimnerError('invalid_request', `dimensions: the model has ${vector.length}.`, {
      param: 'dimensions',
    });
  const head = vector.slice(0, dimensions);
  const length = Math.hypot(...head);
  return length > 0 ? head.map((value) => value / length) : head;
}

/** Base64 of little-endian 32-bit floats, which is what OpenAI's own clients ask for. */
function encode(vector: Float32Array, format: 'float' | 'base64'): number[] | string {
  if (format === 'float') return [...vector];
  const bytes = Buffer.alloc(vector.length * 4);
  for (const [at, value] of vector.entries()) bytes.writeFloatLE(value, at * 4);
  return bytes.toString('base64');
}
