import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { wholeAnswer, type Answer, type Ask } from '../ask/ask.ts';
import type { Retrieve } from '../ask/retrieve.ts';
import { morePlace, type Passage } from '../document.ts';
import type { LimnerError } from '../errors.ts';
import type { Log } from '../log.ts';
import { source } from './chat-shapes.ts';
import { asShown, errorBody, parse } from './failure.ts';
import { sendEvents, signalOf, sseEvent } from './sse.ts';

const Question = z.string().max(100_000);

export const SearchRequest = z.strictObject({
  query: Question,
  collection: z.string().optional(),
  limit: z.number().int().min(1).max(100).default(10),
});

export const AskBody = z.strictObject({
  question: Question.min(1),
  collection: z.string().optional(),
  limit: z.number().int().min(1).max(30).optional(),
  stream: z.boolean().default(false),
});

export interface SearchRoutes {
  retrieve: Retrieve;
  ask: Ask;
  publicUrl: (request: { protocol: string; host: string }) => string;
  log: Log;
}

export function searchRoutes(server: FastifyInstance, { retrieve, ask, publicUrl, log }: SearchRoutes): void {
  server.post('/api/search', async (request, reply) => {
    const { query, collection, limit } = parse(SearchRequest, request.body);
    const wanted = { text: query, limit, ...(collection !== undefined && { collection }) };
    const found = await retrieve(wanted, signalOf(request, reply));
    return { hits: found.passages.map(hit), arms: found.arms };
  });

  server.post('/api/ask', async (request, reply) => {
    const { stream, question, collection, limit } = parse(AskBody, request.body);
    const events = ask(
      {
        question,
        publicUrl: publicUrl(request),
        ...(collection !== undefined && { collection }),
        ...(limit !== undefined && { limit }),
      },
      signalOf(request, reply),
    );
    if (!stream) return answerBody(await wholeAnswer(events));
    return sendEvents(
      reply,
      streamed(events, (error) => asShown(error, log, request.id)),
    );
  });
}

/** Named events: `sources`, `text`, `answer`, and `error` when it ends early. */
async function* streamed(
  events: ReturnType<Ask>,
  shown: (error: unknown) => LimnerError,
): AsyncGenerator<string> {
  try {
    for await (const event of events) {
      if (event.type === 'sources')
        yield sseEvent({ sources: event.sources.map(source), model: event.model }, 'sources');
      if (event.type === 'text') yield sseEvent({ text: event.text }, 'text');
      if (event.type === 'answer') yield sseEvent(answerBody(event.answer), 'answer');
    }
  } catch (error) {
    yield sseEvent(errorBody(shown(error)), 'error');
  }
}

function hit(passage: Passage) {
  const { document, ordinal, text, score, page, headings, lines, span, ranks } = passage;
  return {
    document,
    ordinal,
    text,
    score,
    page: page ?? null,
    headings: headings ?? [],
    lines: lines ?? null,
    place: morePlace(passage),
    span,
    ranks: { keyword: ranks.keyword ?? null, vector: ranks.vector ?? null },
  };
}

/** `citations` are the sources that the answer points at; each annotation is one marker in the answer. */
function answerBody(answer: Answer) {
  return {
    answer: answer.text,
    model: answer.model,
    citations: answer.citations.map(source),
    annotations: answer.annotations.map(({ number, start, end }) => ({ marker: number, start, end })),
    sources: answer.sources.map(source),
    usage: {
      prompt_tokens: answer.usage.promptTokens,
      completion_tokens: answer.usage.completionTokens,
      finish_reason: answer.usage.finish,
    },
  };
}
