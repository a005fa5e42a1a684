import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import {
  embedMany,
  generateObject,
  generateText,
  jsonSchema,
  streamText,
  tool,
  type LanguageModel,
} from 'ai';
import { beforeEach, describe, expect, test } from 'vitest';
import { ANSWER, apiKey, QUESTION, startBed, WEATHER } from './bed.ts';

const bed = await startBed();
const strict = createOpenAI({ baseURL: bed.baseURL, apiKey, fetch: bed.fetch });
const compatible = createOpenAICompatible({
  name: 'limner',
  baseURL: bed.baseURL,
  apiKey,
  fetch: bed.fetch,
  includeUsage: true,
  supportsStructuredOutputs: true,
});

const MODELS: Record<string, (model: string) => LanguageModel> = {
  '@ai-sdk/openai chat': (model) => strict.chat(model),
  '@ai-sdk/openai responses': (model) => strict.responses(model),
  '@ai-sdk/openai-compatible': (model) => compatible.chatModel(model),
};
const maxRetries = 0;

beforeEach(() => {
  bed.ollama.settings.reply = () => ANSWER;
});

describe.each(Object.entries(MODELS))('%s', (name, model) => {
  test('a whole answer', async () => {
    const { text, usage, finishReason, sources } = await generateText({
      model: model('limner'),
      prompt: QUESTION,
      maxRetries,
    });
    expect(text).toBe(ANSWER);
    expect(finishReason).toBe('stop');
    expect(usage.totalTokens).toBeGreaterThan(0);
    // The compatible provider shows no annotations of any server.
    if (name !== '@ai-sdk/openai-compatible')
      expect(sources).toMatchObject([{ sourceType: 'url', title: 'Ice station' }]);
  });

  test('a streamed answer', async () => {
    const result = streamText({ model: model('limner/ice'), prompt: QUESTION, maxRetries });
    const parts = await Array.fromAsync(result.textStream);
    expect(parts.length).toBeGreaterThan(1);
    expect(parts.join('')).toBe(ANSWER);
    expect(await result.finishReason).toBe('stop');
    expect((await result.usage).totalTokens).toBeGreaterThan(0);
    if (name !== '@ai-sdk/openai-compatible') expect(await result.sources).toHaveLength(1);
  });

  test('a conversation in which a tool is called', async () => {
    const asked: unknown[] = [];
    const weather = tool({
      description: WEATHER.description,
      inputSchema: jsonSchema<{ city: string }>({ ...WEATHER.parameters, required: ['city'] }),
      execute: async (input) => {
        asked.push(input);
        return 'sunny';
      },
    });
    const steps = [1, 2];
    const { text } = await generateText({
      model: model('qwen3:4b'),
      prompt: 'How is the weather?',
      tools: { weather },
      stopWhen: ({ steps: done }) => done.length >= steps.length,
      maxRetries,
    });
    expect(asked).toEqual([{ city: 'OK' }]);
    expect(text).toBe(ANSWER);
  });

  test('an object of a schema', async () => {
    const schema = jsonSchema<{ status: string }>({
      type: 'object',
      properties: { status: { type: 'string', enum: ['ok'] } },
      required: ['status'],
      additionalProperties: false,
    });
    const { object } = await generateObject({ model: model('limner'), schema, prompt: QUESTION, maxRetries });
    expect(object).toEqual({ status: 'ok' });
  });

  test('failures with their words', async () => {
    await expect(generateText({ model: model('gpt-9'), prompt: QUESTION, maxRetries })).rejects.toThrow(
      /There is no model "gpt-9"/,
    );
    bed.ollama.plan({ failAt: 'chat', kind: 'error line', afterLines: 2, times: 1 });
    const errors: unknown[] = [];
    const result = streamText({
      model: model('limner'),
      prompt: QUESTION,
      maxRetries,
      onError: ({ error }) => void errors.push(error),
    });
    await Array.fromAsync(result.fullStream);
    expect(JSON.stringify(errors) + errors.map(String).join()).toContain('planned failure');
  });
});

test('the responses provider shows the thoughts of a model', async () => {
  bed.ollama.settings.thinking = 'Let me see.';
  const { text, reasoningText } = await generateText({
    model: strict.responses('qwen3:4b'),
    prompt: QUESTION,
    providerOptions: { openai: { reasoningEffort: 'low', forceReasoning: true } },
    maxRetries,
  });
  expect(text).toBe(ANSWER);
  expect(reasoningText).toBe('Let me see.');
  bed.ollama.settings.thinking = '';
});

test('file_search of the responses provider cites files', async () => {
  const { text, sources } = await generateText({
    model: strict.responses('qwen3:4b'),
    prompt: QUESTION,
    tools: { file_search: strict.tools.fileSearch({ vectorStoreIds: [] }) },
    maxRetries,
  });
  expect(text).toBe(ANSWER);
  expect(sources).toMatchObject([{ sourceType: 'document', filename: 'ice.txt' }]);
});

test.each([
  ['@ai-sdk/openai', strict.embeddingModel('nomic-embed-text')],
  ['@ai-sdk/openai-compatible', compatible.embeddingModel('nomic-embed-text')],
])('embeddings of %s', async (_name, model) => {
  const { embeddings } = await embedMany({
    model,
    values: ['The car is broken.', 'Cats sleep.'],
    maxRetries,
  });
  expect(embeddings.map((vector) => vector.length)).toEqual([256, 256]);
});
