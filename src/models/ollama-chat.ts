import { z } from 'zod';
import { LimnerError } from '../errors.ts';
import type { Log } from '../log.ts';
import { openCall } from './call.ts';
import { TooLongError } from './failures.ts';
import type { OllamaHost } from './host.ts';
import type { Chat, ChatMessage, ChatOptions, ChatPart, ChatUsage } from './model-server.ts';
import type { KnownModel, Timeouts } from './model-state.ts';
import { createContexts } from './ollama-context.ts';
import { formatOf, toOllamaMessages, toOllamaTools } from './ollama-messages.ts';
import type { Watch } from './watch.ts';

export interface ChatParts {
  host: OllamaHost;
  watch: Watch;
  timeouts: Timeouts;
  log: Log;
}

const ToolCallLine = z.object({
  id: z.string().optional(),
  function: z.object({ name: z.string(), arguments: z.record(z.string(), z.unknown()).default({}) }),
});
const ChatLine = z.object({
  message: z
    .object({
      content: z.string().default(''),
      thinking: z.string().optional(),
      tool_calls: z.array(ToolCallLine).nullish(),
    })
    .default({ content: '' }),
  done: z.boolean().default(false),
  done_reason: z.string().optional(),
  prompt_eval_count: z.int().nonnegative().default(0),
  eval_count: z.int().nonnegative().default(0),
});
type Line = z.infer<typeof ChatLine>;

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
    const toParts = createPartReader();
    let begun = false;
    try {
      const request = chatRequest(job, context, contexts.room(job, context));
      for await (const raw of await call.ollama.chat(request)) {
        const line = ChatLine.parse(raw);
        begun ||= line.message.content !== '';
        yield* toParts(line);
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
    const model = options.model === undefined ? watch.state.require('chat') : watch.named(options.model);
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

/** `truncate` is missing in the package's types: with it the server refuses a prompt rather than cut it. */
function chatRequest({ model, messages, options }: Job, context: number, room: number) {
  const thinks = options.think !== undefined && model.capabilities.includes('thinking');
  const tools = toOllamaTools(options);
  return {
    model: model.name,
    messages: toOllamaMessages(messages),
    stream: true as const,
    truncate: false,
    ...(thinks ? { think: options.think ?? true } : {}),
    ...(tools.length > 0 ? { tools } : {}),
    ...(options.format === undefined ? {} : { format: formatOf(options.format) }),
    options: { num_ctx: context, num_predict: options.maxTokens ?? room, ...samplingOf(options) },
  };
}

function samplingOf(options: ChatOptions) {
  return {
    ...(options.temperature === undefined ? {} : { temperature: options.temperature }),
    ...(options.topP === undefined ? {} : { top_p: options.topP }),
    ...(options.seed === undefined ? {} : { seed: options.seed }),
    ...(options.presencePenalty === undefined ? {} : { presence_penalty: options.presencePenalty }),
    ...(options.frequencyPenalty === undefined ? {} : { frequency_penalty: options.frequencyPenalty }),
    ...(options.stop?.length ? { stop: [...options.stop] } : {}),
  };
}

/** Ollama tells each call whole; their index counts over all lines of one answer. */
function createPartReader(): (line: Line) => Generator<ChatPart> {
  let calls = 0;
  return function* toParts({ message, ...line }) {
    if (message.thinking) yield { text: '', thinking: message.thinking };
    if (message.content !== '') yield { text: message.content };
    for (const { id, function: called } of message.tool_calls ?? []) {
      const index = calls++;
      const part = { index, id: id ?? callId(), name: called.name };
      yield { text: '', toolCalls: [{ ...part, arguments: JSON.stringify(called.arguments) }] };
    }
    if (line.done) yield { text: '', usage: usageOf(line, calls > 0) };
  };
}

function callId(): string {
  return `call_${crypto.randomUUID().replaceAll('-', '')}`;
}

function usageOf(line: Omit<Line, 'message'>, hasCalled: boolean): ChatUsage {
  const finish = line.done_reason === 'length' ? 'length' : 'stop';
  return {
    promptTokens: line.prompt_eval_count,
    completionTokens: line.eval_count,
    finish: hasCalled ? 'tool_calls' : finish,
  };
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
