/** What each embedding model wants written before a text. Leaving it out costs accuracy and no error shows it. */
export interface Prefixes {
  document: string;
  query: string;
}

const NONE: Prefixes = { document: '', query: '' };
const SENTENCE = 'Represent this sentence for searching relevant passages: ';
const TASK = 'Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:';

/**
 * Known models, the first match counts. A pattern is tried on the name without namespace and tag. Each line is
 * what the model's card on Hugging Face asks for; the card is named where its title differs from the pattern.
 */
const MODELS: readonly [pattern: RegExp, prefixes: Prefixes][] = [
  // nomic-ai/nomic-embed-text-v1.5 and -v2-moe
  [/^nomic-embed/, { document: 'search_document: ', query: 'search_query: ' }],
  // mixedbread-ai/mxbai-embed-large-v1
  [/^mxbai-embed/, { document: '', query: SENTENCE }],
  // Snowflake/snowflake-arctic-embed-l-v2.0
  [/arctic-embed-?2|arctic-embed.*v2/, { document: '', query: 'query: ' }],
  // Snowflake/snowflake-arctic-embed-l, also -m-v1.5
  [/arctic-embed/, { document: '', query: SENTENCE }],
  // BAAI/bge-m3 wants none, unlike the other bge models
  [/^bge-m3/, NONE],
  [/^bge-.*-zh/, { document: '', query: '为这个句子生成表示以用于检索相关文章：' }],
  // BAAI/bge-large-en-v1.5
  [/^bge-(small|base|large)/, { document: '', query: SENTENCE }],
  // intfloat/multilingual-e5-large-instruct, intfloat/e5-mistral-7b-instruct
  [/e5-.*instruct|e5-mistral/, { document: '', query: `${TASK} ` }],
  // intfloat/multilingual-e5-large, intfloat/e5-base-v2
  [/(^|-)e5(-|$)/, { document: 'passage: ', query: 'query: ' }],
  // google/embeddinggemma-300m, "Prompt Instructions"
  [/^embeddinggemma/, { document: 'title: none | text: ', query: 'task: search result | query: ' }],
  // Qwen/Qwen3-Embedding-0.6B: no space after "Query:"
  [/^qwen3-embedding/, { document: '', query: TASK }],
  // sentence-transformers/all-MiniLM-L6-v2, ibm-granite/granite-embedding-*,
  // sentence-transformers/paraphrase-multilingual-mpnet-base-v2: trained without
  [/^(all-minilm|granite-embedding|paraphrase-multilingual)/, NONE],
];

/** The prefixes of a model by its name as Ollama has it; none for a model that is not known. */
export function prefixesOf(model: string): Prefixes {
  const name = bareName(model);
  return MODELS.find(([pattern]) => pattern.test(name))?.[1] ?? NONE;
}

/** `hf.co/Qwen/Qwen3-Embedding-0.6B-GGUF:Q8_0` is `qwen3-embedding-0.6b-gguf`. */
function bareName(model: string): string {
  const last = model.toLowerCase().split('/').at(-1) ?? '';
  return last.split(':')[0] ?? '';
}
