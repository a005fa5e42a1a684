import { OpenAI, OpenAIEmbedding, openaiResponses } from '@llamaindex/openai';
import { Document, Settings, VectorStoreIndex } from 'llamaindex';
import { beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { ANSWER, apiKey, QUESTION, startBed, WEATHER } from './bed.ts';

const bed = await startBed();
const additionalSessionOptions = { fetch: bed.fetch };
const options = { apiKey, baseURL: bed.baseURL, maxRetries: 0, additionalSessionOptions };
const llm = (model = 'limner') => new OpenAI({ ...options, model });
const messages = [{ role: 'user' as const, content: QUESTION }];

beforeEach(() => {
  bed.ollama.settings.reply = () => ANSWER;
});

test('a whole answer', async () => {
  const { message } = await llm().chat({ messages });
  expect(message.content).toBe(ANSWER);
});

test('a streamed answer', async () => {
  let text = '';
  for await (const { delta } of await llm('limner/ice').chat({ messages, stream: true })) text += delta;
  expect(text).toBe(ANSWER);
});

test('the call of a tool', async () => {
  const tool = { call: () => 'sunny', metadata: WEATHER };
  const { message } = await llm('qwen3:4b').chat({ messages, tools: [tool] });
  expect(message.options).toMatchObject({ toolCall: [{ name: 'weather' }] });
});

const TextDelta = z.looseObject({ type: z.literal('response.output_text.delta') });

test('responses, whole and streamed', async () => {
  const responses = openaiResponses({ ...options, model: 'limner' });
  expect((await responses.chat({ messages })).message.content).toBe(ANSWER);
  let text = '';
  // This client repeats the last piece of text with every event that has none.
  for await (const { delta, raw } of await responses.chat({ messages, stream: true }))
    if (TextDelta.safeParse(raw).success) text += delta;
  expect(text).toBe(ANSWER);
});

test('embeddings', async () => {
  const embedding = new OpenAIEmbedding({ ...options, model: 'nomic-embed-text' });
  expect(await embedding.getTextEmbedding('The car is broken.')).toHaveLength(256);
  const both = await embedding.getTextEmbeddingsBatch(['one', 'two']);
  expect(both.map((vector) => vector.length)).toEqual([256, 256]);
});

test('an index of its own, with our model and vectors', async () => {
  Settings.llm = llm('qwen3:4b');
  Settings.embedModel = new OpenAIEmbedding({ ...options, model: 'nomic-embed-text' });
  const texts = ['The warranty of the boiler ends in May.', 'Cats sleep most of the day.'];
  const index = await VectorStoreIndex.fromDocuments(texts.map((text) => new Document({ text })));
  const retrieved = await index.asRetriever({ similarityTopK: 1 }).retrieve('When does the warranty end?');
  expect(retrieved.map(({ node }) => node.toJSON())).toMatchObject([{ text: texts[0] }]);
  const answer = await index.asQueryEngine().query({ query: 'When does the warranty end?' });
  expect(answer.message.content).toBe(ANSWER);
});
