import { readFile } from 'node:fs/promises';
import type { Images } from '../comfy/images.ts';
import type { Origin } from '../comfy/job.ts';
import { LimnerError } from '../errors.ts';
import type { AskEvent, ChatMessage } from './ask.ts';
import { toCitation } from './cite.ts';
import type { Find } from './find.ts';
import { toOrigin } from './illustrate.ts';

/** A picture of the user's own words, or variations of one that was sent or cited. */
export interface ImagineRequest {
  /** What stands after the command. */
  words: string;
  /** Pictures sent along, as `data:` URLs. */
  images: readonly string[];
  /** The conversation before, in which `[2]` means a passage. */
  history: readonly ChatMessage[];
  collection?: string;
  documents?: readonly string[];
  limit?: number;
  publicUrl: string;
}

/** The figures of a document with the files that they lie in. */
export type FigureFiles = (
  document: string,
  page?: number,
) => readonly { path: string; width: number; height: number }[];

const COMMAND = /^\s*\/imagine(?![\w/])\s*/i;
const MARKER = /\[(\d{1,2})\]/;
const DATA_URL = /^data:[^,]*;base64,/;

/** The words after `/imagine`; undefined where the text is no such command. */
export function imagineWords(text: string): string | undefined {
  return COMMAND.test(text) ? text.replace(COMMAND, '').trim() : undefined;
}

export type Imagine = ReturnType<typeof createImagine>;

/** Hands what `/imagine` asks for to the workers: words alone, or words and a picture to vary. */
export function createImagine(
  workflows: { create: string; vary: string },
  { images, find, figuresOf }: { images: Pick<Images, 'submit'>; find: Find; figuresOf: FigureFiles },
) {
  /** The figure at the place that `[n]` cites: the question before it is asked again, since clients keep no sources. */
  async function cited(
    number: number,
    request: ImagineRequest,
    signal: AbortSignal,
  ): Promise<{ bytes: Buffer; origin: Origin } | undefined> {
    const answered = request.history.findLastIndex(
      ({ role, content }) => role === 'assistant' && content.includes(`[${number}]`),
    );
    const before = request.history.slice(0, Math.max(0, answered));
    const at = before.findLastIndex(({ role }) => role === 'user');
    const question = before[at]?.content;
    if (question === undefined) return undefined;
    const { collection, documents, limit } = request;
    const scope = {
      ...(collection !== undefined && { collection }),
      ...(documents && { documents }),
      ...(limit !== undefined && { limit }),
    };
    const { passages } = await find({ question, history: before.slice(0, at), ...scope }, signal);
    const passage = passages[number - 1];
    const figures = passage ? figuresOf(passage.document.id, passage.page) : [];
    const [figure] = figures.toSorted((one, other) => other.width * other.height - one.width * one.height);
    if (!passage || !figure)
      throw new LimnerError('invalid_request', `[${number}] shows no figure that could be varied.`, {
        param: 'messages',
      });
    const origin = toOrigin(toCitation(request.publicUrl, passage, number));
    return { bytes: await readFile(figure.path), origin };
  }

  async function submit(request: ImagineRequest, signal: AbortSignal) {
    const { words, images: sent } = request;
    const [picture] = sent;
    if (picture !== undefined) return vary(words, bytesOf(picture), []);
    const marker = MARKER.exec(words);
    const found = marker ? await cited(Number(marker[1]), request, signal) : undefined;
    if (found) return vary(words.replace(MARKER, ' ').trim(), found.bytes, [found.origin]);
    if (words === '')
      throw new LimnerError('invalid_request', 'Say what to draw: /imagine a red lighthouse.', {
        param: 'messages',
      });
    return images.submit({ workflow: workflows.create, inputs: { prompt: words } });
  }

  function vary(words: string, image: Buffer, passages: Origin[]) {
    const prompt = words === '' ? 'a variation of this picture' : words;
    return images.submit({ workflow: workflows.vary, inputs: { prompt }, pictures: { image }, passages });
  }

  return async function* imagine(request: ImagineRequest, signal: AbortSignal): AsyncGenerator<AskEvent> {
    const job = await submit(request, signal);
    yield { type: 'sources', sources: [], model: null, index: null, rewritten: null };
    yield { type: 'answer', answer: { ...NOTHING_SAID, illustration: { job } } };
  };
}

const NOTHING_SAID = {
  text: '',
  annotations: [],
  citations: [],
  sources: [],
  index: null,
  rewritten: null,
  model: null,
  toolCalls: [],
  thinking: '',
  usage: { promptTokens: 0, completionTokens: 0, finish: 'stop' as const },
};

function bytesOf(url: string): Buffer {
  if (!DATA_URL.test(url))
    throw new LimnerError('invalid_request', 'A picture is sent as a data: URL in base64.', {
      param: 'messages',
    });
  return Buffer.from(url.slice(url.indexOf(',') + 1), 'base64');
}
