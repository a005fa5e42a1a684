import type { Citation, Passage } from '../document.ts';
import { LimnerError, type ErrorCode } from '../errors.ts';
import type { Log } from '../log.ts';
import { createCitationReader, toCitation, type CitedText, type Marker } from './cite.ts';
import { buildPrompt, type ChatMessage } from './prompt.ts';
import { bestSentences, creditPassages, worthQuoting } from './quote.ts';
import type { Retrieve } from './retrieve.ts';

export interface AskRequest {
  question: string;
  /** Earlier turns and the caller's system messages; the question is not among them. */
  history?: readonly ChatMessage[];
  collection?: string;
  /** Only these documents, by their ids. */
  documents?: readonly string[];
  /** Base of citation URLs, without a slash at the end. */
  publicUrl: string;
  /** Passages given to the model, at most. */
  limit?: number;
  options?: ChatOptions;
}

export interface ChatOptions {
  temperature?: number;
  maxTokens?: number;
  stop?: string[];
}

export interface Usage {
  promptTokens: number;
  completionTokens: number;
  finish: 'stop' | 'length';
}

/** A piece of what the model writes; only the last one has its usage. */
export interface ChatPart {
  text: string;
  usage?: Usage;
}

/** A language model: text in parts. `ready` names the model, undefined while there is none. */
export interface Chat {
  ready(): string | undefined;
  /** Why there is none, for the person who asks. */
  whyNot(): string;
  complete(
    messages: readonly ChatMessage[],
    options: ChatOptions,
    signal: AbortSignal,
  ): AsyncIterable<ChatPart>;
}

export interface Answer {
  text: string;
  /** One per marker in the text, in their order. */
  annotations: Annotation[];
  /** The passages that the answer cites, by number. */
  citations: Citation[];
  /** Every passage that was given, by number. */
  sources: Citation[];
  /** The model that wrote it; null for quoted passages. */
  model: string | null;
  usage: Usage;
}

export interface Annotation extends Marker {
  citation: Citation;
}

/** In this order: sources once, text in parts, the whole answer once. */
export type AskEvent =
  | { type: 'sources'; sources: Citation[]; model: string | null }
  | { type: 'text'; text: string }
  | { type: 'answer'; answer: Answer };

const DEFAULT_PASSAGES = 8;
const QUOTED_PASSAGES = 3;
const UNREACHABLE: ReadonlySet<ErrorCode> = new Set(['model_unavailable', 'model_missing']);
const NO_USAGE: Usage = { promptTokens: 0, completionTokens: 0, finish: 'stop' };

export type Ask = ReturnType<typeof createAsk>;

/** Answers a question from the documents: retrieve, prompt, generate, cite. Without a model it quotes. */
export function createAsk({ retrieve, chat, log }: { retrieve: Retrieve; chat: Chat; log: Log }) {
  return async function* ask(request: AskRequest, signal: AbortSignal): AsyncGenerator<AskEvent> {
    const { passages } = await retrieve(
      {
        text: request.question,
        limit: request.limit ?? DEFAULT_PASSAGES,
        ...(request.collection !== undefined && { collection: request.collection }),
        ...(request.documents && { documents: request.documents }),
      },
      signal,
    );
    const sources = passages.map((passage, at) => toCitation(request.publicUrl, passage, at + 1));
    const model = passages.length > 0 ? chat.ready() : undefined;
    const written = model === undefined ? undefined : await begin(request, passages, signal);
    if (model === undefined || !written)
      yield* tell(quoted(request.question, passages, chat.whyNot()), sources, null);
    else yield* tell(written, sources, model, (text) => creditPassages(text, passages));
  };

  /** What the model writes, or nothing when it could not be reached before it said a word. */
  async function begin(
    request: AskRequest,
    passages: readonly Passage[],
    signal: AbortSignal,
  ): Promise<AsyncIterable<ChatPart> | undefined> {
    const prompt = buildPrompt(request.question, passages, request.history);
    const parts = chat.complete(prompt, request.options ?? {}, signal)[Symbol.asyncIterator]();
    try {
      return resume(await parts.next(), parts);
    } catch (error) {
      if (!(error instanceof LimnerError) || !UNREACHABLE.has(error.code)) throw error;
      log.warn({ code: error.code, reason: error.message }, 'answering with quotes');
      return undefined;
    }
  }
}

/** Reads markers as the text streams; `credit` names passages for an answer that has none. */
async function* tell(
  parts: AsyncIterable<ChatPart> | Iterable<ChatPart>,
  sources: Citation[],
  model: string | null,
  credit: (text: string) => number[] = () => [],
): AsyncGenerator<AskEvent> {
  yield { type: 'sources', sources, model };
  const reader = createCitationReader(sources.length);
  const whole: CitedText = { text: '', markers: [] };
  let usage = NO_USAGE;
  const add = (piece: CitedText): AskEvent[] => {
    whole.text += piece.text;
    whole.markers.push(...piece.markers);
    return piece.text === '' ? [] : [{ type: 'text', text: piece.text }];
  };
  for await (const part of parts) {
    usage = part.usage ?? usage;
    yield* add(reader.push(part.text));
  }
  yield* add(reader.finish());
  if (whole.text.trim() === '')
    yield* add({ text: 'The language model wrote nothing; please ask again.', markers: [] });
  if (whole.markers.length === 0) yield* add(reader.append(credit(whole.text)));
  yield { type: 'answer', answer: toAnswer(whole, sources, model, usage) };
}

function toAnswer(whole: CitedText, sources: Citation[], model: string | null, usage: Usage): Answer {
  const annotations = whole.markers.flatMap((marker) => {
    const citation = sources[marker.number - 1];
    return citation ? [{ ...marker, citation }] : [];
  });
  const used = new Set(annotations.map(({ number }) => number));
  return {
    text: whole.text,
    annotations,
    citations: sources.filter(({ marker }) => used.has(marker)),
    sources,
    model,
    usage,
  };
}

/** The answer without a language model: the sentences that fit best, each with its marker. */
function quoted(question: string, passages: readonly Passage[], whyNot: string): { text: string }[] {
  if (passages.length === 0) return [{ text: 'Nothing in the documents fits this question.' }];
  const quotes = worthQuoting(question, passages, QUOTED_PASSAGES).map(
    ({ passage, number }) => `\n\n> ${withoutMarkers(bestSentences(question, passage))} [${number}]`,
  );
  return [{ text: `${whyNot} These passages fit best:` }, ...quotes.map((text) => ({ text }))];
}

/** A document's own `[3]` is not a citation of ours, and its backtick does not turn ours into code. */
function withoutMarkers(text: string): string {
  return text
    .replace(/[[【]/gu, '(')
    .replace(/[\]】]/gu, ')')
    .replaceAll('`', "'");
}

/** An iteration whose first step was already made. */
async function* resume<T>(first: IteratorResult<T>, rest: AsyncIterator<T>): AsyncGenerator<T> {
  try {
    for (let next = first; !next.done; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}

/** Runs the events to their end and returns the answer. */
export async function wholeAnswer(events: AsyncIterable<AskEvent>): Promise<Answer> {
  for await (const event of events) if (event.type === 'answer') return event.answer;
  throw new Error('The answer ended before it was whole.');
}
