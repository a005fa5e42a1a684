import { LimnerError } from '../errors.ts';
import type { ChatMessage, ChatOptions, ListedModel } from '../models/model-server.ts';
import type { Ask, AskEvent, Chat } from './ask.ts';
import { isBackgroundTask } from './background-task.ts';
import { createDirect } from './direct.ts';
import type { Illustrate, PictureWish } from './illustrate.ts';
import { imagineWords, type Imagine } from './imagine.ts';
import type { Link } from './picture-text.ts';
import { withSourceList } from './source-list.ts';
import { withPicture } from './with-picture.ts';

/** A conversation whose last question is to be answered. */
export interface Conversation {
  messages: readonly ChatMessage[];
  options: ChatOptions;
  /** Whether it is answered from the documents; otherwise the model answers alone. */
  fromDocuments: boolean;
  collection?: string;
  /** Only these documents, by their ids. */
  documents?: readonly string[];
  /** All that is known of is what lies in these collections. */
  within?: readonly string[];
  /** Passages given to the model, at most. */
  limit?: number;
  /** Base of citation URLs, without a slash at the end. */
  publicUrl: string;
  /** Puts a Markdown list of the cited sources at the end of the text. */
  listSources?: boolean;
  /** Left out, the policy of the cited collection decides. */
  illustrate?: PictureWish;
  /** Whether pictures are told in the text, for programs that show nothing else. */
  showsPictures?: boolean;
  isStreamed?: boolean;
  /** Whether who asks may have pictures made of words of their own. */
  mayPaint?: boolean;
}

export interface ConverseParts {
  ask: Ask;
  chat: Chat;
  chatModels: () => ListedModel[];
  imagine: Imagine;
  illustrate: Illustrate;
  link: Link;
}

export type Converse = ReturnType<typeof createConverse>;

/** Answers the last question of a conversation: from the documents, or by the model alone. */
export function createConverse({ ask, chat, chatModels, imagine, illustrate, link }: ConverseParts) {
  const direct = createDirect({ chat });

  function checkPictures({ messages, options }: Conversation): void {
    if (!messages.some(({ images = [] }) => images.length > 0)) return;
    const name = options.model ?? chat.ready();
    if (chatModels().find((model) => model.name === name)?.vision !== false) return;
    throw new LimnerError('invalid_request', `The model ${name} does not read pictures.`, {
      param: 'messages',
    });
  }

  function answer(conversation: Conversation, signal: AbortSignal): AsyncGenerator<AskEvent> {
    const picture = toImagined(conversation);
    if (picture) return imagine(picture, signal);
    checkPictures(conversation);
    const { messages, options, fromDocuments } = conversation;
    if (!fromDocuments) return direct({ messages, options }, signal);
    return ask(toRequest(conversation), signal);
  }

  return function converse(conversation: Conversation, signal: AbortSignal): AsyncGenerator<AskEvent> {
    const { messages, options, illustrate: wish, listSources = false, publicUrl } = conversation;
    if (isBackgroundTask(messages)) return direct({ messages, options }, signal);
    const pictured = withPicture(
      answer(conversation, signal),
      {
        wish,
        isStreamed: conversation.isStreamed ?? false,
        isText: (conversation.showsPictures ?? true) && options.format === undefined,
        link: (path) => publicUrl + link(path),
      },
      illustrate,
      signal,
    );
    return listSources && options.format === undefined ? withSourceList(pictured) : pictured;
  };
}

/** What `/imagine` in the last message of the user asks for; undefined where it asks for nothing. */
function toImagined({ messages, mayPaint = false, ...about }: Conversation) {
  const at = messages.findLastIndex(({ role }) => role === 'user');
  const { content = '', images = [] } = messages[at] ?? {};
  const words = at === messages.length - 1 ? imagineWords(content) : undefined;
  if (words === undefined) return undefined;
  if (!mayPaint)
    throw new LimnerError('forbidden', 'This key lacks the scope "write", which /imagine needs.');
  return { ...about, words, images, history: messages.slice(0, at) };
}

/** The last message of the user is the question; what came before is history, what follows are rounds of tools. */
function toRequest({ messages, options, illustrate, ...about }: Conversation): Parameters<Ask>[0] {
  const at = messages.findLastIndex(({ role }) => role === 'user');
  const question = messages[at];
  if (!question)
    throw new LimnerError('invalid_request', 'messages: one message of role "user" with text is needed.', {
      param: 'messages',
    });
  const { publicUrl, collection, documents, within, limit } = about;
  return {
    question: question.content,
    history: messages.slice(0, at),
    following: messages.slice(at + 1),
    options,
    publicUrl,
    // Whoever said something about pictures needs no word of the model.
    mayDraw: illustrate === undefined,
    ...(question.images && { images: question.images }),
    ...(collection !== undefined && { collection }),
    ...(documents && { documents }),
    ...(within && { within }),
    ...(limit !== undefined && { limit }),
  };
}
