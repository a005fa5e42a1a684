import type { Citation, Passage } from '../document.ts';
import { LimnerError, type ErrorCode } from '../errors.ts';
import type { Log } from '../log.ts';
import type {
  ChatMessage,
  ChatOptions,
  ChatPart,
  ChatUsage,
  ToolCall,
  ToolCallPart,
} from '../models/model-server.ts';
import { toCitation, type Marker } from './cite.ts';
import { canOfferDraw, completeWithDraw, withDraw } from './draw.ts';
import { exactCitation } from './exact.ts';
import type { Find } from './find.ts';
import type { Rewritten } from './follow-up.ts';
import type { Illustration } from './illustrate.ts';
import { buildPrompt } from './prompt.ts';
import { ENGLISH, type Language } from '../store/language.ts';
import { bestSentences, creditPassages, worthQuoting } from './quote.ts';
import { begun, tell } from './tell.ts';

export type { ChatMessage, ChatOptions, ChatPart, ChatUsage, ToolCall, ToolCallPart };

export interface AskRequest {
  question: string;
  /** Earlier turns and the caller's system messages; the question is not among them. */
  history?: readonly ChatMessage[];
  /** Pictures of the question, as `data:` URLs. */
  images?: readonly string[];
  /** What came after the question: calls of tools, and what they gave. */
  following?: readonly ChatMessage[];
  collection?: string;
  /** Only these documents, by their ids. */
  documents?: readonly string[];
  /** All that is known of is what lies in these collections. */
  within?: readonly string[];
  /** Base of citation URLs, without a slash at the end. */
  publicUrl: string;
  /** Passages given to the model, at most. */
  limit?: number;
  options?: ChatOptions;
  /** Whether the model may have a picture drawn beside its answer. */
  mayDraw?: boolean;
}

/** A language model: text in parts. `ready` names the model, undefined while there is none. */
export interface Chat {
  ready(): string | undefined;
  /** Why there is none, for the person who asks. */
  whyNot(): string;
  /** The longest context of a model (the configured one when left out), where it is known. */
  contextTokens(model?: string): number | undefined;
  complete(
    messages: readonly ChatMessage[],
    options: ChatOptions,
    signal: AbortSignal,
  ): AsyncIterable<ChatPart>;
}

/** Documents that can be found, that are not read yet, and that cannot be read: an answer may come from a part. */
export interface Coverage {
  searchable: number;
  pending: number;
  failed: number;
}

export interface Answer {
  text: string;
  /** One per marker in the text, in their order. */
  annotations: Annotation[];
  /** The passages that the answer cites, by number, each where its first words are cited from. */
  citations: Citation[];
  /** Every passage that was given, by number. */
  sources: Citation[];
  /** How much of the documents could be found when it was asked; null for an answer without documents. */
  index: Coverage | null;
  /** What was searched, where it is not the question itself. */
  rewritten: Rewritten | null;
  /** The model that wrote it; null for quoted passages. */
  model: string | null;
  /** What the model wants called, for the caller to do. */
  toolCalls: ToolCall[];
  /** What the model thought before it answered; empty where it does not say. */
  thinking: string;
  usage: ChatUsage;
  /** The picture beside it, where there is one already. */
  illustration?: Illustration;
  /** What the model had drawn: the words of the question, and these passages. */
  draw?: { words: string; passages: Citation[] };
}

export interface Annotation extends Marker {
  citation: Citation;
}

/** In this order: sources once, text in parts, the whole answer once. `thinking` only where it was asked for. */
export type AskEvent =
  | {
      type: 'sources';
      sources: Citation[];
      model: string | null;
      index: Coverage | null;
      rewritten: Rewritten | null;
    }
  | { type: 'thinking'; text: string }
  | { type: 'text'; text: string }
  | { type: 'tool_calls'; calls: readonly ToolCallPart[] }
  | { type: 'answer'; answer: Answer };

const QUOTED_PASSAGES = 3;
const UNREACHABLE: ReadonlySet<ErrorCode> = new Set(['model_unavailable', 'model_missing']);

export type Ask = ReturnType<typeof createAsk>;

/** Answers a question from the documents: retrieve, prompt, generate, cite. Without a model it quotes. */
export function createAsk({
  find,
  chat,
  coverage,
  canDraw = () => false,
  language = ENGLISH,
  log,
}: {
  find: Find;
  chat: Chat;
  /** Of all collections, or of these. */
  coverage: (collections?: readonly string[]) => Coverage;
  /** Whether pictures can be made now, and the model knows how to call a tool. */
  canDraw?: (model: string) => boolean;
  /** Whose words the documents have, for what is quoted. */
  language?: Language;
  log: Log;
}) {
  return async function* ask(request: AskRequest, signal: AbortSignal): AsyncGenerator<AskEvent> {
    const { passages, rewritten } = await find(request, signal);
    const sources = passages.map((passage, at) => toCitation(request.publicUrl, passage, at + 1));
    const index = coverage(request.collection === undefined ? request.within : [request.collection]);
    const isNeeded = needsModel(request);
    const model = passages.length > 0 || isNeeded ? (request.options?.model ?? chat.ready()) : undefined;
    if (model === undefined && isNeeded) throw new LimnerError('model_unavailable', chat.whyNot());
    let drawn: readonly number[] | undefined;
    const onDraw = canOffer(request, model) ? (numbers: readonly number[]) => (drawn = numbers) : undefined;
    const written = model === undefined ? undefined : await begin(request, passages, signal, onDraw);
    if (model === undefined || !written)
      yield* tell(quoted(request.question, passages, language, chat.whyNot()), {
        sources,
        model: null,
        index,
        rewritten,
      });
    else
      yield* withDraw(
        tell(written, {
          sources,
          model,
          index,
          rewritten,
          exact: (citation, text, marker) => exactCitation(citation, text, marker, request.publicUrl),
          credit: (text) => creditPassages(text, passages, language),
          isPlain: request.options?.format !== undefined,
        }),
        () => drawn,
        request.question,
        sources,
      );
  };

  function canOffer({ mayDraw = false, options = {} }: AskRequest, model: string | undefined): boolean {
    return mayDraw && model !== undefined && canOfferDraw(options) && canDraw(model);
  }

  /** What the model writes, or nothing when it could not be reached before it said a word. */
  async function begin(
    request: AskRequest,
    passages: readonly Passage[],
    signal: AbortSignal,
    onDraw: ((passages: readonly number[]) => void) | undefined,
  ): Promise<AsyncIterable<ChatPart> | undefined> {
    const { question, history, options = {} } = request;
    const contextTokens = chat.contextTokens(options.model);
    const prompt = buildPrompt(question, passages, history, request, contextTokens);
    try {
      return await begun(
        onDraw
          ? completeWithDraw(chat.complete, prompt, options, onDraw, signal)
          : chat.complete(prompt, options, signal),
      );
    } catch (error) {
      if (!(error instanceof LimnerError) || !UNREACHABLE.has(error.code) || needsModel(request)) throw error;
      log.warn({ code: error.code, reason: error.message }, 'answering with quotes');
      return undefined;
    }
  }
}

/** Quotes are no answer to a picture, no call of a tool and no JSON; nor do they come from a model that was named. */
function needsModel({ options = {}, images = [] }: AskRequest): boolean {
  const { tools = [], format, model } = options;
  return tools.length > 0 || images.length > 0 || format !== undefined || model !== undefined;
}

/** The answer without a language model: the sentences that fit best, each with its marker. */
function quoted(
  question: string,
  passages: readonly Passage[],
  language: Language,
  whyNot: string,
): { text: string }[] {
  if (passages.length === 0) return [{ text: 'Nothing in the documents fits this question.' }];
  const quotes = worthQuoting(question, passages, QUOTED_PASSAGES, language).map(
    ({ passage, number }) =>
      `\n\n> ${withoutMarkers(bestSentences(question, passage, language))} [${number}]`,
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

/** Runs the events to their end and returns the answer. */
export async function wholeAnswer(events: AsyncIterable<AskEvent>): Promise<Answer> {
  for await (const event of events) if (event.type === 'answer') return event.answer;
  throw new Error('The answer ended before it was whole.');
}
