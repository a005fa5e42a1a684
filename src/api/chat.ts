import { randomBytes } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { wholeAnswer, type AskEvent } from '../ask/ask.ts';
import type { LimnerError } from '../errors.ts';
import type { Log } from '../log.ts';
import { toTurns } from './chat-messages.ts';
import { ChatRequest, toOptions } from './chat-request.ts';
import { chunksOf, completion } from './chat-shapes.ts';
import type { AnswerConversation } from './conversations.ts';
import { asShown, errorBody, parse } from './failure.ts';
import type { Sources } from './keys.ts';
import { firstInTime, sendEvents, sseEvent } from './sse.ts';

/** Pictures come inside the messages. */
export const MAX_CHAT_BYTES = 32 * 1024 * 1024;

export interface ChatRoutes {
  answer: AnswerConversation;
  sourcesOfKey: () => Sources | undefined;
  log: Log;
}

export function chatRoutes(server: FastifyInstance, { answer, sourcesOfKey, log }: ChatRoutes): void {
  server.post('/v1/chat/completions', { bodyLimit: MAX_CHAT_BYTES }, async (request, reply) => {
    const body = parse(ChatRequest, request.body);
    const { model, limner } = body;
    const isStreamed = body.stream === true;
    const asked = { model, messages: toTurns(body.messages), options: toOptions(body), limner, isStreamed };
    const events = await answer(asked, request, reply);
    const head = { id: `chatcmpl-${randomBytes(12).toString('hex')}`, created: now(), model };
    if (!isStreamed) return completion(head, await wholeAnswer(events));
    const chunks = chunksOf(head, {
      includeUsage: body.stream_options?.include_usage === true,
      asEvents: (limner?.sources ?? sourcesOfKey()) === 'events',
    });
    const shown = (error: unknown): LimnerError => asShown(error, log, request.id);
    return sendEvents(reply, stream(chunks, await firstInTime(events), shown));
  });
}

/** A failure under way is told as an event: four of six clients take a cut stream for a whole answer. */
async function* stream(
  chunks: ReturnType<typeof chunksOf>,
  events: AsyncIterable<AskEvent>,
  shown: (error: unknown) => LimnerError,
): AsyncGenerator<string> {
  try {
    for await (const event of events) for (const chunk of chunks.of(event)) yield sseEvent(chunk);
  } catch (error) {
    yield sseEvent(errorBody(shown(error)));
  }
  yield sseEvent('[DONE]');
}

function now(): number {
  return Math.floor(Date.now() / 1000);
}
