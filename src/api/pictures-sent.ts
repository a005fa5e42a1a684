import type { Readable } from 'node:stream';
import { LimnerError } from '../errors.ts';
import type { ChatMessage } from '../ask/ask.ts';

/** The bytes at an address of the public network. */
export type FetchPicture = (url: string, signal: AbortSignal) => Promise<{ body: Readable }>;

const MAX_BYTES = 20 * 1024 * 1024;
/** Pictures that one request may have fetched. */
const MOST_FETCHED = 10;

/** First bytes of the kinds of pictures that vision models read. */
const KINDS: readonly [type: string, begins: RegExp][] = [
  ['image/png', /^\x89PNG/],
  ['image/jpeg', /^\xff\xd8\xff/],
  ['image/gif', /^GIF8/],
  ['image/webp', /^RIFF.{4}WEBP/s],
];

/** Pictures that are named by an address are fetched, since no model server may be trusted to do it safely. */
export async function fetchPictures(
  messages: readonly ChatMessage[],
  fetchPicture: FetchPicture,
  signal: AbortSignal,
): Promise<ChatMessage[]> {
  const named = messages.flatMap(({ images = [] }) => images.filter((url) => !url.startsWith('data:')));
  if (named.length > MOST_FETCHED)
    throw new LimnerError(
      'invalid_request',
      `Up to ${MOST_FETCHED} pictures are fetched; send others inside.`,
      {
        param: 'messages',
      },
    );
  const inline = async (url: string): Promise<string> => {
    if (url.startsWith('data:')) return url;
    const { body } = await fetchPicture(url, signal);
    return toDataUrl(await gather(body), url);
  };
  return Promise.all(
    messages.map(async (message) =>
      message.images ? { ...message, images: await Promise.all(message.images.map(inline)) } : message,
    ),
  );
}

async function gather(body: Readable): Promise<Buffer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of body) {
    if (!Buffer.isBuffer(part)) continue;
    bytes += part.length;
    if (bytes > MAX_BYTES)
      throw new LimnerError('too_large', 'A picture is larger than 20 MB.', { param: 'messages' });
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function toDataUrl(bytes: Buffer, url: string): string {
  const start = bytes.subarray(0, 16).toString('latin1');
  const kind = KINDS.find(([, begins]) => begins.test(start));
  if (kind) return `data:${kind[0]};base64,${bytes.toString('base64')}`;
  throw new LimnerError('invalid_request', `${url} is no picture (PNG, JPEG, GIF or WebP).`, {
    param: 'messages',
  });
}
