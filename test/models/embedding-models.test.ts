import { expect, test } from 'vitest';
import { prefixesOf } from '../../src/models/embedding-models.ts';

const SENTENCE = 'Represent this sentence for searching relevant passages: ';
const TASK = 'Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:';

test.each([
  ['nomic-embed-text', 'search_document: ', 'search_query: '],
  ['nomic-embed-text:v1.5', 'search_document: ', 'search_query: '],
  ['nomic-embed-text-v2-moe', 'search_document: ', 'search_query: '],
  ['mxbai-embed-large:335m', '', SENTENCE],
  ['snowflake-arctic-embed:m', '', SENTENCE],
  ['snowflake-arctic-embed2', '', 'query: '],
  ['hf.co/Snowflake/snowflake-arctic-embed-l-v2.0:F16', '', 'query: '],
  ['bge-m3', '', ''],
  ['bge-large', '', SENTENCE],
  ['hf.co/CompendiumLabs/bge-small-en-v1.5-gguf:Q8_0', '', SENTENCE],
  ['quentinz/bge-large-zh-v1.5', '', '为这个句子生成表示以用于检索相关文章：'],
  ['jeffh/intfloat-multilingual-e5-large:f16', 'passage: ', 'query: '],
  ['multilingual-e5-large-instruct', '', `${TASK} `],
  ['embeddinggemma:300m', 'title: none | text: ', 'task: search result | query: '],
  ['qwen3-embedding:0.6b', '', TASK],
  ['hf.co/Qwen/Qwen3-Embedding-0.6B-GGUF:Q8_0', '', TASK],
  ['all-minilm:l6-v2', '', ''],
  ['granite-embedding:278m', '', ''],
  ['paraphrase-multilingual', '', ''],
  ['somebody/their-own-model', '', ''],
])('%s', (name, document, query) => {
  expect(prefixesOf(name)).toEqual({ document, query });
});
