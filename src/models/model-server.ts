import type { ReadyModel, ServerStatus } from './model-state.ts';

/** The port of `models/`: what every kind of model server can do. Two kinds: Ollama, and whatever speaks OpenAI's API. */

/** A server of models that may come and go. */
export interface ModelServer {
  /** Begins to watch the server; until then no model is ready. */
  start(): void;
  /** Ends every call that is under way, with `cancelled`. */
  close(): Promise<void>;
  /** Looks at the server at once and tells what it is like. Never fails; needs no `start`. */
  check(): Promise<ServerStatus>;
  status(): ServerStatus;
  /** Called after each change of the status, at most once per percent of a pull. Returns what ends it. */
  onChange(listener: () => void): () => void;
  embed: Embedder;
  chat: Chat;
  /** The chat model and its longest context; nothing while it cannot be used. */
  chatReady(): ReadyModel | undefined;
  /** The chat models that the server had at the last look; any of them can be asked by its name. */
  chatModels(): ListedModel[];
}

/** A model by the name that requests use. */
export interface ListedModel {
  name: string;
  /** Whether it reads pictures; undefined where the server does not say. */
  vision: boolean | undefined;
  /** Whether it knows how to call tools; undefined where the server does not say. */
  tools: boolean | undefined;
}

/** Makes vectors of texts. Vectors have length 1 (L2), so that their dot product is their cosine. */
export interface Embedder {
  /** The model to remember vectors under; nothing while it cannot be used. */
  ready(): ReadyModel | undefined;
  /**
   * One vector per text, in order, all of one dimension. A text beyond the model's context is embedded in
   * parts and stands as their mean; nothing is cut off.
   * @throws LimnerError `model_unavailable`, `model_missing`, `model_answer`, `input_too_long` (a text that
   * does not fit however small it is cut), `cancelled`.
   */
  documents(texts: readonly string[], signal: AbortSignal): Promise<Float32Array[]>;
  /** The vector to look for documents with. Fails as `documents` does. */
  query(text: string, signal: AbortSignal): Promise<Float32Array>;
  /** Texts as they are, without what the model wants written before them. Fails as `documents` does. */
  plain(texts: readonly string[], signal: AbortSignal): Promise<{ vectors: Float32Array[]; tokens: number }>;
  stats(): EmbedStats;
}

/** Counted since the start. */
export interface EmbedStats {
  /** Requests answered with vectors. */
  calls: number;
  /** Vectors handed out. */
  texts: number;
  /** As the server counts them. */
  tokens: number;
  /** Texts that were cut in two because they did not fit; the parts of a part count too. */
  splits: number;
  /** Batches that were refused for length and sent again as two. */
  bisections: number;
}

/** A turn of a conversation. */
export interface ChatMessage {
  role: 'system' | 'user' | 'assistant' | 'tool';
  content: string;
  /** Pictures as `data:` URLs, for models that read them. */
  images?: readonly string[];
  /** Of an `assistant` turn: what it called. */
  toolCalls?: readonly ToolCall[];
  /** Of a `tool` turn: the id of the call that it answers. */
  toolCallId?: string;
}

/** A call that the model wants made. `arguments` is JSON as the model wrote it. */
export interface ToolCall {
  id: string;
  name: string;
  arguments: string;
}

/** A function that the model may call; `parameters` is a JSON schema. */
export interface Tool {
  name: string;
  description?: string;
  parameters?: Record<string, unknown>;
}

/** What the answer has to be: any JSON, or JSON of a schema. */
export type AnswerFormat = 'json' | { name: string; schema: Record<string, unknown> };

export interface ChatOptions {
  /** Another model of the server, by its own name; the configured one when left out. */
  model?: string;
  /** 0 is the most predictable; the model's own when left out. */
  temperature?: number;
  topP?: number;
  seed?: number;
  presencePenalty?: number;
  frequencyPenalty?: number;
  /** The most tokens of the answer, thinking included. */
  maxTokens?: number;
  /** The answer ends before any of these. */
  stop?: readonly string[];
  /** The context to use instead of one made to measure, in tokens; at most the model's own. Ollama's only. */
  contextTokens?: number;
  /** Whether a model that can think does so first; left out it does. Others do not mind. */
  think?: boolean;
  format?: AnswerFormat;
  tools?: readonly Tool[];
  /** `auto` when left out. Ollama has no way to force a call: it is offered only the tool that is named. */
  toolChoice?: 'auto' | 'none' | 'required' | { name: string };
}

export interface ChatUsage {
  promptTokens: number;
  completionTokens: number;
  /** `length`: the answer was cut at `maxTokens` or at the end of the context. */
  finish: 'stop' | 'length' | 'tool_calls';
}

/** A piece of a call: the first of an `index` has `id` and `name`, the `arguments` of all are joined. */
export interface ToolCallPart {
  index: number;
  id?: string;
  name?: string;
  arguments: string;
}

/** A piece of an answer. Only the last one has `usage`, and its text is empty. */
export interface ChatPart {
  text: string;
  /** What the model thinks before it answers; never part of the answer. */
  thinking?: string;
  toolCalls?: readonly ToolCallPart[];
  usage?: ChatUsage;
}

/**
 * Streams an answer. It is complete only if a part with `usage` came; every other end throws.
 * Leaving the loop early, or the signal, stops the model.
 * @throws LimnerError `model_unavailable`, `model_missing`, `model_answer`, `input_too_long`, `cancelled`.
 */
export type Chat = (
  messages: readonly ChatMessage[],
  options: ChatOptions,
  signal: AbortSignal,
) => AsyncGenerator<ChatPart, void>;
