import { z } from 'zod';
import type { ChatMessage } from '../ask/ask.ts';
import { LimnerError } from '../errors.ts';

const Part = z.looseObject({
  type: z.string(),
  text: z.string().optional(),
  refusal: z.string().optional(),
  image_url: z.union([z.string(), z.looseObject({ url: z.string() })]).optional(),
});
const Call = z.looseObject({
  id: z.string(),
  type: z.literal('function').default('function'),
  function: z.looseObject({ name: z.string().min(1), arguments: z.string() }),
});

export const Message = z.looseObject({
  role: z.enum(['system', 'developer', 'user', 'assistant', 'tool', 'function']),
  content: z.union([z.string(), z.array(Part)]).nullish(),
  tool_calls: z.array(Call).nullish(),
  tool_call_id: z.string().nullish(),
});
type Message = z.infer<typeof Message>;

/**
 * The turns of a conversation as models take them. What says nothing is left out, and so is what a tool gave to a
 * call that is not there: servers refuse it. `field` is what the client calls them.
 */
export function toTurns(messages: readonly Message[], field = 'messages'): ChatMessage[] {
  const called = new Set(messages.flatMap((one) => (one.tool_calls ?? []).map(({ id }) => id)));
  return messages.flatMap((message) => {
    if (message.role === 'function') return [];
    if (message.role === 'tool') return called.has(message.tool_call_id ?? '') ? [toolTurn(message)] : [];
    return turn(message, field);
  });
}

function toolTurn({ content, tool_call_id: id }: Message): ChatMessage {
  return { role: 'tool', content: textOf(content), toolCallId: id ?? '' };
}

function turn({ role, content, tool_calls: calls }: Message, field: string): ChatMessage[] {
  const text = textOf(content);
  // What an assistant said besides words, such as thoughts of other servers, is nothing to go on from.
  const images =
    typeof content === 'string' || role === 'assistant'
      ? []
      : (content ?? []).flatMap((part) => imageOf(part, field));
  const toolCalls = (calls ?? []).map(({ id, function: called }) => ({
    id,
    name: called.name,
    arguments: called.arguments,
  }));
  if (text.trim() === '' && images.length === 0 && toolCalls.length === 0) return [];
  const as = role === 'user' || role === 'assistant' ? role : 'system';
  return [
    {
      role: as,
      content: text,
      ...(images.length > 0 && { images }),
      ...(toolCalls.length > 0 && { toolCalls }),
    },
  ];
}

function textOf(content: Message['content']): string {
  if (typeof content === 'string') return content;
  const texts = (content ?? []).flatMap((part) => part.text ?? part.refusal ?? []);
  return texts.join('\n');
}

const TEXT_PARTS: ReadonlySet<string> = new Set(['text', 'refusal', 'input_text', 'output_text']);

function imageOf({ type, image_url: image }: z.infer<typeof Part>, field: string): string[] {
  if (TEXT_PARTS.has(type)) return [];
  if ((type === 'image_url' || type === 'input_image') && image !== undefined)
    return [typeof image === 'string' ? image : image.url];
  throw new LimnerError('invalid_request', `${field}: a part of type "${type}" cannot be read.`, {
    param: field,
  });
}
