import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { ChatMessage, ChatOptions } from '../ask/ask.ts';
import { LimnerError } from '../errors.ts';
import { Filter } from '../ingest/filter.ts';
import { Message, toTurns } from './chat-messages.ts';
import { LimnerOptions } from './chat-request.ts';

const Schema = z.record(z.string(), z.unknown());
const FunctionTool = z.looseObject({
  type: z.literal('function'),
  name: z.string().min(1).max(64),
  description: z.string().nullish(),
  parameters: Schema.nullish(),
  strict: z.boolean().nullish(),
});
const FileSearchTool = z.looseObject({
  type: z.literal('file_search'),
  vector_store_ids: z.array(z.string()).max(100),
  max_num_results: z.number().int().min(1).max(50).optional(),
  filters: Filter.nullish(),
});
const Tool = z.discriminatedUnion('type', [FunctionTool, FileSearchTool], {
  error: 'only tools of type "function" and "file_search" are here',
});
const ToolChoice = z.union([
  z.enum(['auto', 'none', 'required']),
  z.looseObject({ type: z.literal('function'), name: z.string() }),
  z.looseObject({ type: z.literal('file_search') }),
]);
const Format = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('text') }),
  z.looseObject({ type: z.literal('json_object') }),
  z.looseObject({ type: z.literal('json_schema'), name: z.string().min(1).max(64), schema: Schema }),
]);

/** An item of a conversation, of any kind; what it has to hold depends on its `type`. */
const Item = z.looseObject({
  type: z.string().nullish(),
  id: z.string().nullish(),
  role: z.string().nullish(),
  content: z.unknown().optional(),
  call_id: z.string().nullish(),
  name: z.string().nullish(),
  arguments: z.string().nullish(),
  output: z.unknown().optional(),
});
export type Item = z.infer<typeof Item>;

const nothing = (why: string) => z.null({ error: why }).optional();

/** What is not named here is ignored; docs/openai.md lists each field of OpenAI's. */
export const ResponseRequest = z.looseObject({
  model: z.string().min(1),
  input: z.union([z.string().min(1), z.array(Item).min(1)]),
  instructions: z.string().nullish(),
  previous_response_id: z.string().nullish(),
  store: z.boolean().nullish(),
  stream: z.boolean().nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  max_output_tokens: z.number().int().min(1).nullish(),
  metadata: z.record(z.string().max(64), z.string().max(512)).nullish(),
  include: z.array(z.string()).nullish(),
  reasoning: z.looseObject({ effort: z.string().nullish() }).nullish(),
  text: z.looseObject({ format: Format.optional() }).nullish(),
  tools: z.array(Tool).max(128).nullish(),
  tool_choice: ToolChoice.nullish(),
  background: z.literal(false, { error: 'responses are made while the client waits' }).nullish(),
  conversation: nothing('use previous_response_id'),
  prompt: nothing('there are no stored prompts'),
  top_logprobs: z.literal(0, { error: 'log probabilities are not available' }).nullish(),
  limner: LimnerOptions.optional(),
});
export type ResponseRequest = z.infer<typeof ResponseRequest>;

/** The `file_search` tool of the request, if the answer is to come from documents by it. */
export function fileSearchOf({ tools, tool_choice: choice }: ResponseRequest) {
  if (choice === 'none') return undefined;
  return (tools ?? []).find((tool) => tool.type === 'file_search');
}

/** What the request itself says, as items with ids, so that they can be listed later. */
export function inputItems({ input }: ResponseRequest): Item[] {
  if (typeof input === 'string') return [message('user', input)];
  return input.map((item) =>
    typeof item.content === 'string' && item.role != null
      ? { ...item, ...message(item.role, item.content) }
      : { id: `item_${randomBytes(12).toString('hex')}`, ...item },
  );
}

function message(role: string, text: string): Item {
  const type = role === 'assistant' ? 'output_text' : 'input_text';
  const part = { type, text, ...(role === 'assistant' && { annotations: [], logprobs: [] }) };
  return {
    id: `msg_${randomBytes(12).toString('hex')}`,
    type: 'message',
    status: 'completed',
    role,
    content: [part],
  };
}

/** What tools and thoughts left behind says nothing to a model that is asked again. */
const PASSED_OVER: ReadonlySet<string> = new Set(['reasoning', 'file_search_call']);

/** Items as turns of the conversation. References were replaced before. */
export function toConversation(items: readonly Item[], instructions?: string | null): ChatMessage[] {
  const messages: z.infer<typeof Message>[] = [];
  for (const item of items) {
    const type = item.type ?? 'message';
    if (PASSED_OVER.has(type)) continue;
    const one = toMessage(type, item);
    const before = messages.at(-1);
    // Calls that were made together belong to one turn.
    if (type === 'function_call' && before?.tool_calls && one.tool_calls)
      before.tool_calls.push(...one.tool_calls);
    else messages.push(one);
  }
  const system = instructions ? [{ role: 'system' as const, content: instructions }] : [];
  return toTurns([...system, ...messages], 'input');
}

function toMessage(type: string, item: Item): z.infer<typeof Message> {
  if (type === 'message') return read({ role: item.role, content: item.content });
  if (type === 'function_call_output') {
    const content = typeof item.output === 'string' ? item.output : outputText(item.output);
    return read({ role: 'tool', tool_call_id: item.call_id, content });
  }
  if (type === 'function_call') {
    const called = { name: item.name, arguments: item.arguments ?? '' };
    return read({
      role: 'assistant',
      tool_calls: [{ id: item.call_id, type: 'function', function: called }],
    });
  }
  throw new LimnerError('invalid_request', `input: an item of type "${type}" cannot be read.`, {
    param: 'input',
  });
}

function read(value: unknown): z.infer<typeof Message> {
  const parsed = Message.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new LimnerError('invalid_request', `input: ${issue?.path.join('.')}: ${issue?.message}`, {
    param: 'input',
  });
}

const OutputParts = z.array(z.looseObject({ text: z.string() }));

function outputText(output: unknown): string {
  const parts = OutputParts.safeParse(output);
  return parts.success ? parts.data.map(({ text }) => text).join('\n') : JSON.stringify(output ?? null);
}

export function toResponseOptions(body: ResponseRequest): ChatOptions {
  return {
    ...(body.temperature != null && { temperature: body.temperature }),
    ...(body.top_p != null && { topP: body.top_p }),
    ...(body.max_output_tokens != null && { maxTokens: body.max_output_tokens }),
    ...(body.reasoning?.effort != null && { think: body.reasoning.effort !== 'none' }),
    ...formatOf(body.text?.format),
    ...toolsOf(body),
  };
}

function formatOf(format: z.infer<typeof Format> | undefined): Pick<ChatOptions, 'format'> {
  if (format?.type === 'json_object') return { format: 'json' };
  return format?.type === 'json_schema' ? { format: { name: format.name, schema: format.schema } } : {};
}

function toTool({ name, description, parameters }: z.infer<typeof FunctionTool>) {
  return { name, ...(description != null && { description }), ...(parameters && { parameters }) };
}

function toolsOf({ tools, tool_choice: choice }: ResponseRequest): Pick<ChatOptions, 'tools' | 'toolChoice'> {
  const functions = (tools ?? []).filter((tool) => tool.type === 'function');
  if (functions.length === 0) return {};
  return {
    tools: functions.map(toTool),
    ...(typeof choice === 'string' && { toolChoice: choice }),
    ...(typeof choice === 'object' && choice?.type === 'function' && { toolChoice: { name: choice.name } }),
  };
}
