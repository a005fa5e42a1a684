import { createAsk, type Coverage } from './ask/ask.ts';
import { createChatPort } from './ask/chat-port.ts';
import { createWiden } from './ask/context.ts';
import { createFind } from './ask/find.ts';
import { createStandAlone } from './ask/follow-up.ts';
import { createRetrieve, type QueryEmbedder } from './ask/retrieve.ts';
import { byScores, createRerank } from './ask/rerank.ts';
import { byChat, byVerdicts } from './ask/rerank-by-chat.ts';
import type { Config } from './config.ts';
import type { Chat } from './ask/ask.ts';
import type { Log } from './log.ts';
import { createRerankServer } from './models/rerank.ts';
import type { Models } from './models/models.ts';
import type { Language } from './store/language.ts';
import type { Store } from './store/store.ts';

/** A small model on a processor needs about that for one line; a reader does not wait longer for it. */
const REWRITE_MS = 4000;
/** Thirty passages take a model on a graphics card a second or two. */
const RERANK_MS = 10_000;

/** What a question goes through until an answer leaves: made to stand alone, searched, read with what is around, answered. */
export function createAsking(
  {
    contextTokens: passageTokens,
    keywordShare,
    ...config
  }: Pick<Config, 'contextTokens' | 'keywordShare' | 'rerank'>,
  parts: {
    store: Store;
    embedder: QueryEmbedder;
    models: Models;
    coverage: () => Coverage;
    canDraw: (model: string) => boolean;
    language: Language;
    log: Log;
  },
) {
  const { store, embedder, models, coverage, canDraw, language, log } = parts;
  const chat = createChatPort(models);
  const rerank = createSecondStage(config.rerank, chat, log);
  const retrieve = createRetrieve({ store, embedder, rerank, keywordShare, log });
  const find = createFind(
    { passageTokens },
    {
      standAlone: createStandAlone({ deadlineMs: REWRITE_MS }, { chat, log }),
      retrieve,
      widen: createWiden({ store }),
      contextTokens: chat.contextTokens,
    },
  );
  return {
    chat,
    retrieve,
    find,
    ask: createAsk({ find, chat, coverage, canDraw, language, log }),
    chatModels: models.chatModels,
  };
}

/** Who reads the best passages again; nobody by default. */
function createSecondStage({ model, server }: Config['rerank'], chat: Chat, log: Log) {
  if (model === 'off') return undefined;
  const options = { deadlineMs: RERANK_MS };
  if (model === 'chat') return createRerank(options, { order: byChat(chat), log });
  const score = server ? createRerankServer({ ...server, model }) : byVerdicts(model, chat);
  return createRerank(options, { order: byScores(score), log });
}
