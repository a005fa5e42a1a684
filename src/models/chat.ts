import { z } from 'zod';
import { LimnerError } from '../errors.ts';
import type { Log } from '../log.ts';
import { openCall } from './call.ts';
import { TooLongError } from './failures.ts';
import type { OllamaHost } from './host.ts';
import type { KnownModel, Timeouts } from './model-state.ts';
import type { Watch } from './watch.ts';

export interface ChatMessage {
  role: 'system' | 'user' | 'assistant';
  content: string;
}

export interface ChatOptions {
  /** 0 is the most predictable; the model's own when left out. */
  temperature?: number;
  /** The most tokens of the answer, thinking included. */
  maxTokens?: number;
  /** The answer ends before any of these. */
  stop?: readonly string[];
  /** The context to use instead of one made to measure, in tokens; at most the model's own. */
  contextTokens?: number;
  /** Whether a model that can think does so first; left out it does. Others do not mind. */
  think?: boolean;
}

export interface ChatUsage {
  promptTokens: number;
  completionTokens: number;
  /** `length`: the answer was cut at `maxTokens` or at the end of the context. */
  finish: 'stop' | 'length';
}

/** A piece of an answer. Only the last one has `usage`, and its text is empty. */
export interface ChatPart {
  text: string;
  usage?: ChatUsage;
}

/**
 * Streams an answer. It is complete only if a part with `usage` came; every other end throws.
 * Leaving the loop early, or the signal, stops the model.
 * @throws LimnerError `model_unavailable`, `model_missing`, `model_answer`, `input_too_long`, `cancelled`.
 */
export type Chat = (
  messages: readonly ChatMessage[],
  options: ChatOptions,
  signal: AbortSignal,
) => AsyncGenerator<ChatPart, void>;

export interface ChatParts {
  host: OllamaHost;
  watch: Watch;
  timeouts: Timeouts;
  log: Log;
}

const ChatLine = z.object({
  message: z.object({ content: z.string().default('') }).default({ content: '' }),
  done: z.boolean().default(false),
  done_reason: z.string().optional(),
  prompt_eval_count: z.int().nonnegative().default(0),
  eval_count: z.int().nonnegative().default(0),
});
type Line = z.infer<typeof ChatLine>;

/** Room for an answer when the caller sets no limit. */
const ANSWER_TOKENS = 1024;
const SMALLEST_CONTEXT = 4096;

interface Job {
  model: KnownModel;
  messages: readonly ChatMessage[];
  options: ChatOptions;
  signal: AbortSignal;
}

export function createChat({ host, watch, timeouts, log }: ChatParts): Chat {
  const contexts = createContexts();
  const limits = { total: timeouts.chatTotal, first: timeouts.chatFirst, next: timeouts.chatNext };

  async function* answer(job: Job, context: number): AsyncGenerator<ChatPart, void> {
    const call = openCall(host, limits, [job.signal, watch.closing]);
    let begun = false;
    try {
      for await (const raw of await call.ollama.chat(chatRequest(job, context))) {
        const line = ChatLine.parse(raw);
        begun ||= line.message.content !== '';
        yield* partsOf(line);
        if (line.done) warnIfFull(line, context);
      }
    } catch (error) {
      const failure = call.failure(error);
      watch.callFailed(failure);
      throw begun && failure instanceof TooLongError ? ranOut(failure) : failure;
    } finally {
      call.end();
    }
  }

  /** A server that ignores `truncate: false` cuts the prompt; its count is all that shows it. */
  function warnIfFull(line: Line, context: number): void {
    if (line.prompt_eval_count < context - 1) return;
    log.warn(
      { prompt_tokens: line.prompt_eval_count, context },
      'the prompt filled the context of the model',
    );
  }

  return async function* chat(messages, options, signal) {
    const model = watch.state.require('chat');
    const job = { model, messages, options, signal };
    let context = contexts.choose(job);
    for (;;) {
      try {
        return yield* answer(job, context);
      } catch (error) {
        if (!(error instanceof TooLongError)) throw error;
        context = contexts.larger(job, context);
      }
    }
  };
}

/**
 * Chooses `num_ctx`, since Ollama's default for a small machine is 4096 tokens whatever the prompt. It is made
 * to measure and not the model's most, which can cost more memory than the model. It never shrinks, because
 * another size makes Ollama load the model anew.
 */
function createContexts() {
  const largest = new Map<string, number>();
  const use = ({ model }: Job, tokens: number): number => {
    const size = Math.min(model.contextTokens, Math.max(tokens, largest.get(model.identity) ?? 0));
    largest.set(model.identity, size);
    return size;
  };
  return {
    choose: (job: Job): number => {
      const { model, options, messages } = job;
      if (options.contextTokens !== undefined) return Math.min(options.contextTokens, model.contextTokens);
      const needed = promptTokens(messages) + (options.maxTokens ?? ANSWER_TOKENS);
      const measured = 2 ** Math.ceil(Math.log2(Math.max(needed, SMALLEST_CONTEXT)));
      return use(job, Math.max(measured, model.ownContext ?? 0));
    },
    /** For a prompt that was denser than estimated. */
    larger: (job: Job, refused: number): number => {
      const most = Math.min(job.model.contextTokens, job.options.contextTokens ?? Infinity);
      if (refused >= most) throw promptTooLong(job.model);
      return use(job, refused * 2);
    },
  };
}

/** At least what a prompt takes, for most texts: 3 bytes of UTF-8 a token, and what a template adds. */
export function promptTokens(messages: readonly ChatMessage[]): number {
  return messages.reduce((sum, { content }) => sum + 16 + Math.ceil(Buffer.byteLength(content) / 3), 0);
}

/** `truncate` is missing in the package's types: with it the server refuses a prompt rather than cut it. */
function chatRequest({ model, messages, options }: Job, context: number) {
  const room = Math.max(ANSWER_TOKENS, context - promptTokens(messages));
  const thinks = options.think !== undefined && model.capabilities.includes('thinking');
  return {
    model: model.name,
    messages: messages.map(({ role, content }) => ({ role, content })),
    stream: true as const,
    truncate: false,
    ...(thinks ? { think: options.think ?? true } : {}),
    options: {
      num_ctx: context,
      num_predict: options.maxTokens ?? room,
      ...(options.temperature === undefined ? {} : { temperature: options.temperature }),
      ...(options.stop?.length ? { stop: [...options.stop] } : {}),
    },
  };
}

function* partsOf(line: Line): Generator<ChatPart> {
  if (line.message.content !== '') yield { text: line.message.content };
  if (line.done) yield { text: '', usage: usageOf(line) };
}

function usageOf(line: Line): ChatUsage {
  return {
    promptTokens: line.prompt_eval_count,
    completionTokens: line.eval_count,
    finish: line.done_reason === 'length' ? 'length' : 'stop',
  };
}

function promptTooLong(model: KnownModel): LimnerError {
  const message = `The prompt is longer than the context of ${model.identity} (${model.contextTokens} tokens).`;
  return new LimnerError('input_too_long', message);
}

function ranOut(cause: TooLongError): LimnerError {
  return new LimnerError(
    'model_answer',
    `Ollama ran out of context in the middle of its answer: ${cause.message}.`,
    {
      cause,
    },
  );
}
