import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { wholeAnswer, type Answer, type Ask, type AskEvent } from '../ask/ask.ts';
import { citationUrl } from '../ask/cite.ts';
import type { Conversation, Converse } from '../ask/converse.ts';
import type { Illustrate, Illustration, PictureWish } from '../ask/illustrate.ts';
import { imagineWords } from '../ask/imagine.ts';
import type { Retrieve } from '../ask/retrieve.ts';
import { morePlace, type Passage } from '../document.ts';
import type { LimnerError } from '../errors.ts';
import { Filter } from '../ingest/filter.ts';
import type { Log } from '../log.ts';
import { Illustrated } from './chat-request.ts';
import { source } from './chat-shapes.ts';
import { asShown, errorBody, parse } from './failure.ts';
import { Base64, illustrationBody } from './images.ts';
import { sendEvents, signalOf, sseEvent } from './sse.ts';

/** A picture may come inside. */
const MAX_ASK_BYTES = 32 * 1024 * 1024;

const Question = z.string().max(100_000);

export const SearchRequest = z.strictObject({
  query: Question,
  collection: z.string().optional(),
  limit: z.number().int().min(1).max(100).default(10),
  filter: Filter.optional(),
  /** Keywords or vectors alone, to see what each finds. */
  arm: z.enum(['keyword', 'vector']).optional(),
});

export const AskBody = z.strictObject({
  question: Question.min(1),
  /** What was said before, oldest first: a question that does not stand alone is searched as one that does. */
  history: z
    .array(z.strictObject({ role: z.enum(['user', 'assistant']), content: Question }))
    .max(200)
    .optional(),
  collection: z.string().optional(),
  filter: Filter.optional(),
  limit: z.number().int().min(1).max(30).optional(),
  /** A language model by its name, in place of the one of the settings. */
  model: z.string().min(1).max(300).optional(),
  stream: z.boolean().default(false),
  /**
   * A picture beside the answer; `wait` puts it into the same answer instead of making it meanwhile. Left out, the
   * policy of the cited collection decides.
   */
  illustrate: Illustrated.optional(),
  /** What `/imagine` in the question makes variations of: base64, or a data URL. */
  image: Base64.optional(),
});

export interface SearchRoutes {
  retrieve: Retrieve;
  ask: Ask;
  /** Answers `/imagine`. */
  converse: Converse;
  illustrate: Illustrate;
  /** Ids of the documents that a filter fits. */
  matching: (filter: Filter) => string[];
  publicUrl: (request: { protocol: string; host: string }) => string;
  log: Log;
}

export function searchRoutes(
  server: FastifyInstance,
  { retrieve, ask, converse, illustrate, matching, publicUrl, log }: SearchRoutes,
): void {
  server.post('/api/search', async (request, reply) => {
    const { query, collection, limit, filter, arm } = parse(SearchRequest, request.body);
    const wanted = {
      text: query,
      limit,
      ...(arm && { arm }),
      ...(collection !== undefined && { collection }),
      ...(filter && { documents: matching(filter) }),
    };
    const found = await retrieve(wanted, signalOf(request, reply));
    return { hits: found.passages.map((passage) => hit(passage, publicUrl(request))), arms: found.arms };
  });

  server.post('/api/ask', { bodyLimit: MAX_ASK_BYTES }, async (request, reply) => {
    const body = parse(AskBody, request.body);
    const {
      stream,
      question,
      collection,
      filter,
      limit,
      image,
      history = [],
      model,
      illustrate: wanted,
    } = body;
    const signal = signalOf(request, reply);
    const about = {
      publicUrl: publicUrl(request),
      mayDraw: wanted === undefined,
      ...(collection !== undefined && { collection }),
      ...(filter && { documents: matching(filter) }),
      ...(limit !== undefined && { limit }),
    };
    const events =
      imagineWords(question) === undefined
        ? ask({ question, history, ...(model !== undefined && { options: { model } }), ...about }, signal)
        : converse(imagined(question, image, history, about), signal);
    if (!stream) {
      const answer = await wholeAnswer(events);
      const illustration = await picture(answer, wanted, signal);
      return { ...answerBody(answer), ...(illustration && { illustration: illustrationBody(illustration) }) };
    }
    return sendEvents(
      reply,
      streamed(
        events,
        (answer) => pictures(answer, wanted, signal),
        (error) => asShown(error, log, request.id),
      ),
    );
  });

  /** The picture of a whole answer. Whoever did not ask for one is not told why there is none. */
  async function picture(answer: Answer, wanted: PictureWish, signal: AbortSignal) {
    if (!answer.illustration && !illustrate.wants(wanted, answer)) return undefined;
    const isAwaited = wanted === 'wait';
    const begun =
      answer.illustration ??
      (await (isAwaited ? illustrate.compose(answer, signal) : illustrate.begin(answer)));
    if (wanted === undefined && 'error' in begun) return undefined;
    return isAwaited ? illustrate.finished(begun, signal) : begun;
  }

  /** The job when it is handed over, and again when it has ended. */
  async function* pictures(
    answer: Answer,
    wanted: PictureWish,
    signal: AbortSignal,
  ): AsyncGenerator<Illustration> {
    if (!answer.illustration && !illustrate.wants(wanted, answer)) return;
    const begun = answer.illustration ?? (await illustrate.compose(answer, signal));
    if (wanted === undefined && 'error' in begun) return;
    yield begun;
    if ('job' in begun) yield illustrate.finished(begun, signal);
  }
}

/** `/imagine` as the last turn of a conversation; its picture is told beside the text. */
function imagined(
  content: string,
  image: string | undefined,
  history: Conversation['messages'],
  about: Pick<Conversation, 'publicUrl' | 'collection' | 'documents'>,
): Conversation {
  const url = image?.startsWith('data:') === false ? `data:image/png;base64,${image}` : image;
  return {
    ...about,
    messages: [...history, { role: 'user', content, ...(url !== undefined && { images: [url] }) }],
    options: {},
    fromDocuments: true,
    showsPictures: false,
  };
}

/**
 * Named events: `sources`, `text`, `answer`, then `illustration` where one was asked for, and `error` when it ends
 * early.
 */
async function* streamed(
  events: ReturnType<Ask>,
  pictures: (answer: Answer) => AsyncIterable<Illustration>,
  shown: (error: unknown) => LimnerError,
): AsyncGenerator<string> {
  try {
    for await (const event of events) {
      yield shownEvent(event);
      if (event.type !== 'answer') continue;
      for await (const one of pictures(event.answer)) yield sseEvent(illustrationBody(one), 'illustration');
    }
  } catch (error) {
    yield sseEvent(errorBody(shown(error)), 'error');
  }
}

function shownEvent(event: AskEvent): string {
  if (event.type === 'sources')
    return sseEvent(
      {
        sources: event.sources.map(source),
        model: event.model,
        index: event.index,
        rewritten: event.rewritten,
      },
      'sources',
    );
  if (event.type === 'text' || event.type === 'thinking') return sseEvent({ text: event.text }, event.type);
  if (event.type === 'tool_calls') return sseEvent({ calls: event.calls }, 'tool_calls');
  return sseEvent(answerBody(event.answer), 'answer');
}

/** `url` opens the viewer at the passage, its words marked. */
function hit(passage: Passage, base: string) {
  const { document, ordinal, text, score, page, headings, lines, span, ranks, scores, reranked, also } =
    passage;
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
    scores: { keyword: scores?.keyword ?? null, vector: scores?.vector ?? null },
    reranked: reranked ?? null,
    also: also ?? [],
    url: citationUrl(base, passage),
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
    index: answer.index,
    rewritten: answer.rewritten,
    usage: {
      prompt_tokens: answer.usage.promptTokens,
      completion_tokens: answer.usage.completionTokens,
      finish_reason: answer.usage.finish,
    },
  };
}
