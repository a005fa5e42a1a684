import { z } from 'zod';
import type { ChatOptions } from '../ask/ask.ts';
import { Filter } from '../ingest/filter.ts';
import { Message } from './chat-messages.ts';
import { SOURCES } from './keys.ts';

/** `wait`, and `{wait: true}`, put the picture into the same answer; left out, the policy of the collection decides. */
export const Illustrated = z.union([
  z.boolean(),
  z.literal('wait'),
  z.strictObject({ wait: z.boolean() }).transform(({ wait }) => (wait ? ('wait' as const) : true)),
]);

/** Our own options, beside OpenAI's. */
export const LimnerOptions = z.strictObject({
  /** Whether the answer comes from the documents; by default it does for `limner` and does not for other models. */
  documents: z.boolean().optional(),
  collection: z.string().optional(),
  filter: Filter.optional(),
  /** Passages given to the model, at most. */
  limit: z.number().int().min(1).max(30).optional(),
  /**
   * `markdown` puts a list of the cited sources at the end of the text; `events` streams each passage as an event
   * of Open WebUI.
   */
  sources: z.enum(SOURCES).optional(),
  /** A picture beside the answer. */
  illustrate: Illustrated.optional(),
});

const Schema = z.record(z.string(), z.unknown());
const Tool = z.looseObject({
  type: z.literal('function', { error: 'only tools of type "function" can be called' }),
  function: z.looseObject({
    name: z.string().min(1).max(64),
    description: z.string().optional(),
    parameters: Schema.nullish(),
  }),
});
const ToolChoice = z.union([
  z.enum(['auto', 'none', 'required']),
  z.looseObject({ type: z.literal('function'), function: z.looseObject({ name: z.string() }) }),
]);
const ResponseFormat = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('text') }),
  z.looseObject({ type: z.literal('json_object') }),
  z.looseObject({
    type: z.literal('json_schema'),
    // Perplexity's API, whose clients come here as well, has no name.
    json_schema: z.looseObject({
      name: z.string().min(1).max(64).default('answer'),
      schema: Schema.optional(),
    }),
  }),
]);
const nothing = (why: string) => z.null({ error: why }).optional();
const noneOf = (why: string) => z.array(z.never(), { error: why }).max(0, { error: why });

/** What is not named here is ignored, as by OpenAI's own server; docs/openai.md lists each field of OpenAI's. */
export const ChatRequest = z.looseObject({
  model: z.string().min(1),
  messages: z.array(Message).min(1),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  seed: z.number().int().nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  max_tokens: z.number().int().min(1).nullish(),
  max_completion_tokens: z.number().int().min(1).nullish(),
  stop: z.union([z.string(), z.array(z.string()).max(16)]).nullish(),
  reasoning_effort: z.string().nullish(),
  response_format: ResponseFormat.nullish(),
  tools: z.array(Tool).max(128).nullish(),
  tool_choice: ToolChoice.nullish(),
  n: z.literal(1, { error: 'one answer is given per request' }).nullish(),
  logprobs: z.literal(false, { error: 'log probabilities are not available' }).nullish(),
  top_logprobs: z.literal(0, { error: 'log probabilities are not available' }).nullish(),
  logit_bias: z.record(z.string(), z.never(), { error: 'tokens cannot be biased' }).nullish(),
  modalities: z.array(z.literal('text', { error: 'answers are text' })).nullish(),
  audio: nothing('answers are text'),
  functions: noneOf('use tools').nullish(),
  limner: LimnerOptions.optional(),
});
export type ChatRequest = z.infer<typeof ChatRequest>;

/** The request's fields as options of the model. */
export function toOptions(body: ChatRequest): ChatOptions {
  const maxTokens = body.max_completion_tokens ?? body.max_tokens;
  return {
    ...(body.temperature != null && { temperature: body.temperature }),
    ...(body.top_p != null && { topP: body.top_p }),
    ...(body.seed != null && { seed: body.seed }),
    ...(body.presence_penalty != null && { presencePenalty: body.presence_penalty }),
    ...(body.frequency_penalty != null && { frequencyPenalty: body.frequency_penalty }),
    ...(maxTokens != null && { maxTokens }),
    ...(body.stop != null && { stop: [body.stop].flat() }),
    ...(body.reasoning_effort != null && { think: body.reasoning_effort !== 'none' }),
    ...formatOf(body.response_format),
    ...toolsOf(body),
  };
}

function formatOf(format: ChatRequest['response_format']): Pick<ChatOptions, 'format'> {
  if (format?.type === 'json_object') return { format: 'json' };
  if (format?.type !== 'json_schema') return {};
  const { name, schema } = format.json_schema;
  return { format: schema ? { name, schema } : 'json' };
}

function toolsOf({ tools, tool_choice: choice }: ChatRequest): Pick<ChatOptions, 'tools' | 'toolChoice'> {
  if (!tools?.length) return {};
  return {
    tools: tools.map(({ function: { name, description, parameters } }) => ({
      name,
      ...(description !== undefined && { description }),
      ...(parameters && { parameters }),
    })),
    ...(choice != null && {
      toolChoice: typeof choice === 'string' ? choice : { name: choice.function.name },
    }),
  };
}
