import { z } from 'zod';
import { LimnerError } from '../errors.ts';
import { TooLongError } from './failures.ts';
import type { Chat, ChatMessage, ChatOptions, ChatPart, ChatUsage } from './model-server.ts';
import type { Timeouts } from './model-state.ts';
import { SERVER, type OpenAiCalls } from './openai-call.ts';
import type { OpenAiWatch } from './openai-watch.ts';
import { createThinkReader } from './think-tags.ts';

export interface OpenAiChatParts {
  calls: OpenAiCalls;
  watch: OpenAiWatch;
  timeouts: Timeouts;
  url: string;
}

const CallPiece = z.object({
  index: z.int().nonnegative().default(0),
  id: z.string().nullish(),
  function: z.object({ name: z.string().nullish(), arguments: z.string().nullish() }).default({}),
});
const Delta = z.object({
  content: z.string().nullish(),
  /** llama.cpp, vLLM and DeepSeek say `reasoning_content`, LM Studio and OpenRouter `reasoning`. */
  reasoning_content: z.string().nullish(),
  reasoning: z.string().nullish(),
  tool_calls: z.array(CallPiece).nullish(),
});
const Usage = z.object({ prompt_tokens: z.number().default(0), completion_tokens: z.number().default(0) });
const Chunk = z.object({
  choices: z.array(z.object({ delta: Delta.nullish(), finish_reason: z.string().nullish() })).default([]),
  usage: Usage.nullish(),
});
type Chunk = z.infer<typeof Chunk>;

/** Chat over `POST /chat/completions`, streamed. */
export function createOpenAiChat({ calls, watch, timeouts, url }: OpenAiChatParts): Chat {
  const limits = { total: timeouts.chatTotal, first: timeouts.chatFirst, next: timeouts.chatNext };
  return async function* chat(messages, options, signal) {
    const model = options.model === undefined ? watch.state.require('chat').name : watch.named(options.model);
    const answer = createAnswer();
    try {
      const body = chatBody(model, messages, options, url);
      const signals = [signal, watch.closing];
      const request = { path: '/chat/completions', body, schema: Chunk, limits, signals };
      for await (const chunk of calls.stream(request)) yield* answer.read(chunk);
      yield* answer.end();
    } catch (error) {
      if (error instanceof TooLongError)
        throw new LimnerError('input_too_long', `${SERVER}: ${error.message}.`);
      watch.callFailed(error);
      throw error;
    }
  };
}

/** Reads chunks as they come. Usage may come in the last chunk, in one of its own, or never. */
function createAnswer() {
  let usage: z.infer<typeof Usage> | undefined;
  let finish: string | undefined;
  const thoughts = createThinkReader();
  const numberOf = createNumbering();
  return {
    *read(chunk: Chunk): Generator<ChatPart> {
      usage = chunk.usage ?? usage;
      const [choice] = chunk.choices;
      if (!choice) return;
      finish = choice.finish_reason ?? finish;
      const delta = choice.delta ?? {};
      yield* thoughtsOf(delta);
      if (delta.content) yield* thoughts.push(delta.content);
      yield* callsOf(delta, numberOf);
    },
    *end(): Generator<ChatPart> {
      if (finish === undefined)
        throw new LimnerError('model_answer', `${SERVER} stopped in the middle of its answer.`);
      yield* thoughts.finish();
      yield { text: '', usage: usageOf(usage, finish) };
    },
  };
}

function* thoughtsOf(delta: z.infer<typeof Delta>): Generator<ChatPart> {
  const thinking = delta.reasoning_content ?? delta.reasoning;
  if (thinking) yield { text: '', thinking };
}

type NumberOf = (piece: z.infer<typeof CallPiece>) => number;

/** Servers begin with other numbers than 0, or give every call the same: who names itself anew is another call. */
function createNumbering(): NumberOf {
  const known = new Map<number, { number: number; id: string | undefined }>();
  let count = 0;
  return ({ index, id, function: { name } }) => {
    const before = known.get(index);
    const isAnother = Boolean(name) && id != null && id !== before?.id;
    if (before && !isAnother) return before.number;
    const number = count++;
    known.set(index, { number, id: id ?? undefined });
    return number;
  };
}

function* callsOf(delta: z.infer<typeof Delta>, numberOf: NumberOf): Generator<ChatPart> {
  if (!delta.tool_calls?.length) return;
  const toolCalls = delta.tool_calls.map((piece) => {
    const { id, function: called } = piece;
    return {
      index: numberOf(piece),
      ...(id != null && { id }),
      ...(called.name != null && { name: called.name }),
      arguments: called.arguments ?? '',
    };
  });
  yield { text: '', toolCalls };
}

function usageOf(usage: z.infer<typeof Usage> | undefined, finish: string): ChatUsage {
  const known = finish === 'length' || finish === 'tool_calls' ? finish : 'stop';
  return {
    promptTokens: usage?.prompt_tokens ?? 0,
    completionTokens: usage?.completion_tokens ?? 0,
    finish: known,
  };
}

function chatBody(model: string, messages: readonly ChatMessage[], options: ChatOptions, url: string) {
  const { temperature, topP: top_p, seed, presencePenalty, frequencyPenalty, stop, maxTokens } = options;
  return {
    model,
    messages: messages.map(toMessage),
    stream: true,
    stream_options: { include_usage: true },
    ...(temperature !== undefined && { temperature }),
    ...(top_p !== undefined && { top_p }),
    ...(seed !== undefined && { seed }),
    ...(presencePenalty !== undefined && { presence_penalty: presencePenalty }),
    ...(frequencyPenalty !== undefined && { frequency_penalty: frequencyPenalty }),
    ...(stop?.length && { stop }),
    ...(maxTokens !== undefined && { [maxTokensField(url)]: maxTokens }),
    ...formatField(options.format),
    ...toolFields(options),
  };
}

/** OpenAI's own newer models refuse the old name; other servers may not know the new one. */
function maxTokensField(url: string): string {
  return new URL(url).hostname.endsWith('openai.com') ? 'max_completion_tokens' : 'max_tokens';
}

function formatField(format: ChatOptions['format']) {
  if (format === undefined) return {};
  if (format === 'json') return { response_format: { type: 'json_object' } };
  const { name, schema } = format;
  return { response_format: { type: 'json_schema', json_schema: { name, schema, strict: true } } };
}

function toolFields({ tools = [], toolChoice }: ChatOptions) {
  if (tools.length === 0) return {};
  const choice = typeof toolChoice === 'object' ? { type: 'function', function: toolChoice } : toolChoice;
  return {
    tools: tools.map((tool) => ({ type: 'function', function: tool })),
    ...(choice !== undefined && { tool_choice: choice }),
  };
}

function toMessage({ role, content, images = [], toolCalls = [], toolCallId }: ChatMessage) {
  const pictures = images.map((url) => ({ type: 'image_url', image_url: { url } }));
  return {
    role,
    content: pictures.length > 0 ? [{ type: 'text', text: content }, ...pictures] : content,
    ...(toolCalls.length > 0 && {
      tool_calls: toolCalls.map(({ id, ...called }) => ({ id, type: 'function', function: called })),
    }),
    ...(toolCallId !== undefined && { tool_call_id: toolCallId }),
  };
}
