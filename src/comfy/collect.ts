import { rm, stat } from 'node:fs/promises';
import { LimnerError, systemCode } from '../errors.ts';
import type { Client } from './client.ts';
import type { Media, MediaStore } from './media.ts';
import { FileReference, type Outputs } from './wire.ts';

const MAX_TEXT = 200_000;
const DOWNLOADS = 3;

/** Everything a run left behind: files of any node and key, and texts, copied into the media store. */
export async function collectOutputs(
  client: Pick<Client, 'download'>,
  outputs: Outputs,
  media: MediaStore,
  { only, signal }: { only: readonly string[]; signal: AbortSignal },
): Promise<Media[]> {
  const found: Media[] = [];
  for (const [node, keys] of Object.entries(outputs)) {
    if (only.length > 0 && !only.includes(node)) continue;
    const isAnimated = Array.isArray(keys['animated']) && keys['animated'].includes(true);
    for (const item of Object.values(keys).flatMap((value) => (Array.isArray(value) ? value : []))) {
      const file = FileReference.safeParse(item);
      if (file.success) found.push(await download(client, file.data, isAnimated, media, signal));
    }
    const texts = Array.isArray(keys['text']) ? keys['text'] : [];
    for (const text of texts)
      if (typeof text === 'string' && text !== '') found.push(await keepText(text, node, media));
  }
  if (found.length === 0)
    throw new LimnerError('image_failed', 'The run ended without any result; a node of it blocked the way.');
  return found;
}

async function keepText(text: string, node: string, media: MediaStore): Promise<Media> {
  const name = `${node.replace(/\W/g, '_')}.txt`;
  return media.putBytes(Buffer.from(text.slice(0, MAX_TEXT)), name, 'text', 'text/plain; charset=utf-8');
}

/** Downloads in one go; a connection that breaks is taken up where it broke. */
async function download(
  client: Pick<Client, 'download'>,
  file: FileReference,
  isAnimated: boolean,
  media: MediaStore,
  signal: AbortSignal,
): Promise<Media> {
  const part = await media.newPart();
  const name = file.filename.replaceAll(/[^\w.-]/g, '_').slice(-120);
  try {
    let bytes = 0;
    for (let attempt = 1; ; attempt++) {
      const response = await client.download(file, bytes, signal);
      const offset = response.status === 206 ? bytes : 0;
      const length = Number(response.headers.get('content-length') ?? Number.NaN);
      const broken = await media.append(part, response, offset).then(
        (size) => ((bytes = size), undefined),
        (error: unknown) => error,
      );
      if (broken === undefined && (Number.isNaN(length) || bytes === offset + length)) break;
      if (broken instanceof LimnerError) throw broken;
      if (systemCode(broken) === 'ENOSPC')
        throw new LimnerError('disk_full', 'The disk is full; what was made cannot be kept.', {
          cause: broken,
        });
      if (attempt === DOWNLOADS || signal.aborted)
        throw new LimnerError('image_unavailable', 'The worker broke off while its file was copied.', {
          cause: broken,
        });
      bytes = await sizeOf(part);
    }
    return await media.finishPart(part, name, isAnimated);
  } finally {
    await rm(part, { force: true });
  }
}

async function sizeOf(path: string): Promise<number> {
  return (await stat(path)).size;
}
