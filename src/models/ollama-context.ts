import { LimnerError } from '../errors.ts';
import type { ChatMessage, ChatOptions } from './model-server.ts';
import type { KnownModel } from './model-state.ts';

/** Room for an answer when the caller sets no limit. */
const ANSWER_TOKENS = 1024;
const SMALLEST_CONTEXT = 4096;
/** What a picture takes at most in the models that Ollama serves. */
const IMAGE_TOKENS = 1024;

/** What the context is measured for. */
interface Prompt {
  model: KnownModel;
  messages: readonly ChatMessage[];
  options: ChatOptions;
}

/**
 * Chooses `num_ctx`, since Ollama's default for a small machine is 4096 tokens whatever the prompt. It is made
 * to measure and not the model's most, which can cost more memory than the model. It never shrinks, because
 * another size makes Ollama load the model anew.
 */
export function createContexts() {
  const largest = new Map<string, number>();
  const use = ({ model }: Prompt, tokens: number): number => {
    const size = Math.min(model.contextTokens, Math.max(tokens, largest.get(model.identity) ?? 0));
    largest.set(model.identity, size);
    return size;
  };
  return {
    choose: (prompt: Prompt): number => {
      const { model, options } = prompt;
      if (options.contextTokens !== undefined) return Math.min(options.contextTokens, model.contextTokens);
      const needed = promptTokens(prompt) + (options.maxTokens ?? ANSWER_TOKENS);
      const measured = 2 ** Math.ceil(Math.log2(Math.max(needed, SMALLEST_CONTEXT)));
      return use(prompt, Math.max(measured, model.ownContext ?? 0));
    },
    /** For a prompt that was denser than estimated. */
    larger: (prompt: Prompt, refused: number): number => {
      const most = Math.min(prompt.model.contextTokens, prompt.options.contextTokens ?? Infinity);
      if (refused >= most) throw promptTooLong(prompt.model);
      return use(prompt, refused * 2);
    },
    /** Tokens left for the answer. */
    room: (prompt: Prompt, context: number): number =>
      Math.max(ANSWER_TOKENS, context - promptTokens(prompt)),
  };
}

/** At least what a prompt takes, for most texts: 3 bytes of UTF-8 a token, and what a template adds. */
function promptTokens({ messages, options }: Pick<Prompt, 'messages' | 'options'>): number {
  const tools = options.tools ? Math.ceil(Buffer.byteLength(JSON.stringify(options.tools)) / 3) : 0;
  return messages.reduce((sum, message) => sum + 16 + messageTokens(message), tools);
}

function messageTokens({ content, images = [], toolCalls = [] }: ChatMessage): number {
  const calls = toolCalls.length === 0 ? 0 : Buffer.byteLength(JSON.stringify(toolCalls));
  return Math.ceil((Buffer.byteLength(content) + calls) / 3) + images.length * IMAGE_TOKENS;
}

function promptTooLong(model: KnownModel): LimnerError {
  const message = `The prompt is longer than the context of ${model.identity} (${model.contextTokens} tokens).`;
  return new LimnerError('input_too_long', message);
}
