import type { Passage } from '../document.ts';
import type { ChatMessage, ChatOptions } from '../models/model-server.ts';
import type { Widen } from './context.ts';
import type { Rewritten, StandAlone } from './follow-up.ts';
import { promptRoom } from './prompt.ts';
import type { Retrieve } from './retrieve.ts';

/** A question of a conversation, as far as it says what to look for. */
export interface FindRequest {
  question: string;
  history?: readonly ChatMessage[];
  images?: readonly string[];
  following?: readonly ChatMessage[];
  collection?: string;
  documents?: readonly string[];
  limit?: number;
  options?: ChatOptions;
}

export interface Found {
  /** In the order of their numbers. */
  passages: Passage[];
  /** What was searched, where it is not the question itself. */
  rewritten: Rewritten | null;
}

export interface FindParts {
  standAlone: StandAlone;
  retrieve: Retrieve;
  widen: Widen;
  /** The longest context of the model that will read the passages; undefined where it is not known. */
  contextTokens: (model: string | undefined) => number | undefined;
}

/** Passages that are given to a model, at most. */
const DEFAULT_PASSAGES = 8;
/** Share of the room in a prompt that passages may take; the rest is for what was said before. */
const PASSAGE_SHARE = 0.75;

export type Find = ReturnType<typeof createFind>;

/** Finds what a model is to read for a question: made to stand alone, searched, and joined with what is around. */
export function createFind(
  { passageTokens }: { passageTokens: number },
  { standAlone, retrieve, widen, contextTokens }: FindParts,
) {
  return async function find(request: FindRequest, signal: AbortSignal): Promise<Found> {
    const { question, collection, documents, limit = DEFAULT_PASSAGES, options = {} } = request;
    const rewritten = await standAlone(request, signal);
    const { passages } = await retrieve(
      {
        text: rewritten?.query ?? question,
        limit,
        ...(collection !== undefined && { collection }),
        ...(documents && { documents }),
      },
      signal,
    );
    const room = promptRoom(request, contextTokens(options.model) ?? Infinity);
    return {
      passages: await widen(passages, Math.min(passageTokens, PASSAGE_SHARE * room)),
      rewritten: rewritten ?? null,
    };
  };
}
