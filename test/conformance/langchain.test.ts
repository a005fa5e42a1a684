import { HumanMessage, SystemMessage, ToolMessage, type BaseMessage } from '@langchain/core/messages';
import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai';
import { beforeEach, describe, expect, test } from 'vitest';
import { ANSWER, apiKey, QUESTION, startBed, WEATHER } from './bed.ts';

const bed = await startBed();
const configuration = { baseURL: bed.baseURL, fetch: bed.fetch };
const tools = [{ type: 'function' as const, function: WEATHER }];

beforeEach(() => {
  bed.ollama.settings.reply = () => ANSWER;
});

describe.each([
  ['chat completions', false],
  ['responses', true],
])('ChatOpenAI over %s', (_name, useResponsesApi) => {
  const chat = (model = 'limner') =>
    new ChatOpenAI({ model, apiKey, configuration, maxRetries: 0, useResponsesApi });

  test('a whole answer', async () => {
    const answer = await chat().invoke([new SystemMessage('Be brief.'), new HumanMessage(QUESTION)]);
    expect(answer.text).toBe(ANSWER);
    expect(answer.usage_metadata?.total_tokens).toBeGreaterThan(0);
  });

  test('a streamed answer, with its usage', async () => {
    let text = '';
    let total = 0;
    for await (const chunk of await chat('limner/ice').stream(QUESTION)) {
      text += chunk.text;
      total += chunk.usage_metadata?.total_tokens ?? 0;
    }
    expect(text).toBe(ANSWER);
    expect(total).toBeGreaterThan(0);
  });

  test('a tool is called, and its answer goes on', async () => {
    const bound = chat('qwen3:4b').bindTools(tools);
    const turns: BaseMessage[] = [new HumanMessage('How is the weather?')];
    const call = await bound.invoke(turns);
    expect(call.tool_calls).toMatchObject([{ name: 'weather', args: { city: 'OK' } }]);
    turns.push(call, new ToolMessage({ content: 'sunny', tool_call_id: call.tool_calls?.[0]?.id ?? '' }));
    expect((await bound.invoke(turns)).text).toBe(ANSWER);
  });

  test('JSON of a schema', async () => {
    const schema = {
      title: 'status',
      type: 'object',
      properties: { status: { type: 'string', enum: ['ok'] } },
      required: ['status'],
      additionalProperties: false,
    };
    const structured = chat().withStructuredOutput(schema, { method: 'jsonSchema', strict: true });
    expect(await structured.invoke(QUESTION)).toEqual({ status: 'ok' });
  });

  test('an unknown model is an error with its words', async () => {
    await expect(chat('gpt-9').invoke(QUESTION)).rejects.toThrow(/There is no model "gpt-9"/);
  });
});

test('embeddings', async () => {
  const embeddings = new OpenAIEmbeddings({
    model: 'nomic-embed-text',
    apiKey,
    configuration,
    maxRetries: 0,
  });
  const vectors = await embeddings.embedDocuments(['The car is broken.', 'Cats sleep.']);
  expect(vectors.map((vector) => vector.length)).toEqual([256, 256]);
  expect(await embeddings.embedQuery('The car is broken.')).toEqual(vectors[0]);
});
