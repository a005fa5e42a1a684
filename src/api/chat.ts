import { randomBytes } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { wholeAnswer, type Ask, type AskRequest, type ChatMessage } from '../ask/ask.ts';
import { LimnerError } from '../errors.ts';
import type { Log } from '../log.ts';
import { chunksOf, completion, type Head } from './chat-shapes.ts';
import { asShown, errorBody, parse } from './failure.ts';
import { sendEvents, signalOf, sseEvent } from './sse.ts';

/** Asks every collection; `limner/<collection>` asks one. */
const MODEL = 'limner';

const Part = z.looseObject({ type: z.string(), text: z.string().optional() });
const Message = z.looseObject({
  role: z.enum(['system', 'developer', 'user', 'assistant', 'tool', 'function']),
  content: z.union([z.string(), z.array(Part)]).nullish(),
});

/** What is not named here is ignored, as by OpenAI's own server. */
export const ChatRequest = z.looseObject({
  model: z.string().min(1),
  messages: z.array(Message).min(1),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  max_tokens: z.number().int().min(1).nullish(),
  max_completion_tokens: z.number().int().min(1).nullish(),
  stop: z.union([z.string(), z.array(z.string()).max(16)]).nullish(),
  n: z.literal(1).nullish(),
});
type ChatRequest = z.infer<typeof ChatRequest>;

export interface ChatRoutes {
  ask: Ask;
  collections: () => string[];
  publicUrl: (request: { protocol: string; host: string }) => string;
  log: Log;
}

export function chatRoutes(server: FastifyInstance, { ask, collections, publicUrl, log }: ChatRoutes): void {
  const started = Math.floor(Date.now() / 1000);
  const models = () => [MODEL, ...collections().map((name) => `${MODEL}/${name}`)];
  const model = (id: string) => ({ id, object: 'model', created: started, owned_by: 'limner' });

  server.get('/v1/models', () => ({ object: 'list', data: models().map(model) }));

  server.get<{ Params: { '*': string } }>('/v1/models/*', ({ params }) => {
    const id = params['*'];
    if (!models().includes(id)) throw unknownModel(id);
    return model(id);
  });

  server.post('/v1/chat/completions', async (request, reply) => {
    const body = parse(ChatRequest, request.body);
    if (!models().includes(body.model)) throw unknownModel(body.model);
    const asked = toAskRequest(body, publicUrl(request));
    const head = { id: `chatcmpl-${randomBytes(12).toString('hex')}`, created: now(), model: body.model };
    const events = ask(asked, signalOf(request, reply));
    if (body.stream !== true) return completion(head, await wholeAnswer(events));
    const includeUsage = body.stream_options?.include_usage === true;
    return sendEvents(
      reply,
      stream(head, includeUsage, events, (error) => asShown(error, log, request.id)),
    );
  });
}

/** A failure under way is told as an event: four of six clients take a cut stream for a whole answer. */
async function* stream(
  head: Head,
  includeUsage: boolean,
  events: ReturnType<Ask>,
  shown: (error: unknown) => LimnerError,
): AsyncGenerator<string> {
  const chunks = chunksOf(head, includeUsage);
  try {
    for await (const event of events) {
      if (event.type === 'sources') yield sseEvent(chunks.first(event.sources));
      if (event.type === 'text') yield sseEvent(chunks.text(event.text));
      if (event.type === 'answer') for (const chunk of chunks.last(event.answer)) yield sseEvent(chunk);
    }
  } catch (error) {
    yield sseEvent(errorBody(shown(error)));
  }
  yield sseEvent('[DONE]');
}

function toAskRequest(body: ChatRequest, publicUrl: string): AskRequest {
  const messages = body.messages.flatMap(toMessage);
  const at = messages.findLastIndex(({ role }) => role === 'user');
  const question = messages[at];
  if (!question)
    throw new LimnerError('invalid_request', 'messages: one message of role "user" with text is needed.', {
      param: 'messages',
    });
  const collection = body.model.slice(MODEL.length + 1);
  const maxTokens = body.max_completion_tokens ?? body.max_tokens;
  return {
    question: question.content,
    history: messages.slice(0, at),
    publicUrl,
    ...(collection !== '' && { collection }),
    options: {
      ...(body.temperature != null && { temperature: body.temperature }),
      ...(maxTokens != null && { maxTokens }),
      ...(body.stop != null && { stop: [body.stop].flat() }),
    },
  };
}

function toMessage({ role, content }: z.infer<typeof Message>): ChatMessage[] {
  const text =
    typeof content === 'string' ? content : (content ?? []).map((part) => part.text ?? '').join('\n');
  if (text.trim() === '' || role === 'tool' || role === 'function') return [];
  return [{ role: role === 'developer' ? 'system' : role, content: text }];
}

function unknownModel(id: string): LimnerError {
  return new LimnerError('model_not_found', `There is no model "${id}"; GET /v1/models lists them.`, {
    param: 'model',
  });
}

function now(): number {
  return Math.floor(Date.now() / 1000);
}
