import type { Message, Tool } from 'ollama';
import { z } from 'zod';
import { LimnerError } from '../errors.ts';
import { bytesOfDataUrl } from './data-url.ts';
import type { AnswerFormat, ChatMessage, ChatOptions } from './model-server.ts';

/** Ollama names the tool that answers; OpenAI names the call. */
export function toOllamaMessages(messages: readonly ChatMessage[]): Message[] {
  const names = new Map(
    messages.flatMap(({ toolCalls = [] }) => toolCalls.map(({ id, name }) => [id, name])),
  );
  return messages.map((message) => ({
    role: message.role,
    content: message.content,
    // As bytes: of a text the `ollama` package asks first whether a file has that name.
    ...(message.images?.length && { images: message.images.map(bytesOfDataUrl) }),
    ...(message.toolCalls?.length && { tool_calls: message.toolCalls.map(toOllamaCall) }),
    ...(message.toolCallId !== undefined && { tool_name: names.get(message.toolCallId) ?? '' }),
  }));
}

const Arguments = z.record(z.string(), z.unknown());

function toOllamaCall({ name, arguments: text }: NonNullable<ChatMessage['toolCalls']>[number]) {
  const parsed = Arguments.safeParse(text.trim() === '' ? {} : fromJson(text));
  if (parsed.success) return { function: { name, arguments: parsed.data } };
  throw new LimnerError('invalid_request', `The arguments of the call of ${name} are not a JSON object.`, {
    param: 'messages',
  });
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Ollama cannot be told to call: `none` offers nothing, a name offers that one alone. */
export function toOllamaTools({ tools = [], toolChoice = 'auto' }: ChatOptions): Tool[] {
  const offered =
    typeof toolChoice === 'object' ? tools.filter(({ name }) => name === toolChoice.name) : tools;
  if (toolChoice === 'none') return [];
  return offered.map(({ name, description, parameters }) => ({
    type: 'function',
    function: { name, ...(description !== undefined && { description }), ...(parameters && { parameters }) },
  }));
}

export function formatOf(format: AnswerFormat): string | object {
  return format === 'json' ? 'json' : format.schema;
}
