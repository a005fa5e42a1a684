import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { LimnerError } from '../errors.ts';
import type { Database } from '../sqlite.ts';
import { blankPrompt } from './blank.ts';
import { inspectMade, inspectPicture } from './picture.ts';
import { withoutPrompt } from './strip.ts';

export type MediaKind = 'image' | 'animation' | 'video' | 'audio' | 'text' | 'file';

/** A stored file; `id` is the SHA-256 of its bytes, so that equal files are kept once. */
export interface Media {
  id: string;
  kind: MediaKind;
  mime: string;
  bytes: number;
  name: string;
}

const KINDS: Record<string, [kind: MediaKind, mime: string]> = {
  png: ['image', 'image/png'],
  jpg: ['image', 'image/jpeg'],
  jpeg: ['image', 'image/jpeg'],
  webp: ['image', 'image/webp'],
  gif: ['image', 'image/gif'],
  avif: ['image', 'image/avif'],
  mp4: ['video', 'video/mp4'],
  webm: ['video', 'video/webm'],
  mov: ['video', 'video/quicktime'],
  mkv: ['video', 'video/x-matroska'],
  wav: ['audio', 'audio/wav'],
  mp3: ['audio', 'audio/mpeg'],
  flac: ['audio', 'audio/flac'],
  opus: ['audio', 'audio/ogg'],
  ogg: ['audio', 'audio/ogg'],
  txt: ['text', 'text/plain; charset=utf-8'],
  json: ['text', 'application/json'],
  srt: ['text', 'text/plain; charset=utf-8'],
};

/** What a file is, by its name alone: the key under which a node lists it says nothing. */
export function kindOf(name: string, isAnimated = false): { kind: MediaKind; mime: string } {
  const [kind, mime] = KINDS[extname(name).slice(1).toLowerCase()] ?? ['file', 'application/octet-stream'];
  return { kind: isAnimated && kind === 'image' ? 'animation' : kind, mime };
}

const SCHEMA = [
  `create table media(id text primary key, kind text not null, mime text not null, bytes integer not null,
     name text not null, created_at text not null)`,
];
/** Nothing else is ever made into a path. */
const ID = /^[0-9a-f]{64}$/;
const MAX_BYTES = 2 * 1024 ** 3;
/** Kinds that are looked at, and freed of the prompt that stands in them. */
const STRIPPED: ReadonlySet<string> = new Set(['image/png', 'image/jpeg', 'image/webp']);
/** Only pictures of this size are read whole to take the prompt out of them. */
const MAX_STRIPPED = 64 * 1024 * 1024;

export type MediaStore = ReturnType<typeof createMediaStore>;

/** Files that were made or sent, below `folder`, by their content. */
export function createMediaStore(folder: string, database: Database, { keepPrompts = false } = {}) {
  database.migrate('media', SCHEMA);
  const pathOf = (id: string): string => join(folder, id.slice(0, 2), id);

  async function settle(part: string, id: string, media: Omit<Media, 'id'>): Promise<Media> {
    await mkdir(join(folder, id.slice(0, 2)), { recursive: true });
    await rename(part, pathOf(id));
    await database.write((connection) => {
      connection.run(
        `insert into media values (?, ?, ?, ?, ?, ?) on conflict(id) do nothing`,
        id,
        media.kind,
        media.mime,
        media.bytes,
        media.name,
        new Date().toISOString(),
      );
    });
    return { id, ...media };
  }

  async function newPart(): Promise<string> {
    await mkdir(join(folder, 'parts'), { recursive: true });
    return join(folder, 'parts', randomUUID());
  }

  async function putBytes(bytes: Buffer, name: string, kind: MediaKind, mime: string): Promise<Media> {
    const part = await newPart();
    await writeFile(part, bytes);
    const id = createHash('sha256').update(bytes).digest('hex');
    return settle(part, id, { kind, mime, bytes: bytes.length, name });
  }

  async function finishPart(part: string, name: string, isAnimated: boolean): Promise<Media> {
    const { kind, mime } = kindOf(name, isAnimated);
    if (!keepPrompts) await blankPrompt(part, mime);
    const hash = createHash('sha256');
    let size = 0;
    for await (const chunk of createReadStream(part)) {
      hash.update(chunk);
      size += chunk.length;
    }
    if (STRIPPED.has(mime) && size <= MAX_STRIPPED) {
      const bytes = await readFile(part);
      inspectMade(bytes);
      if (!keepPrompts) {
        await rm(part, { force: true });
        return putBytes(withoutPrompt(bytes), name, kind, mime);
      }
    }
    return settle(part, hash.digest('hex'), { kind, mime, bytes: size, name });
  }

  return {
    folder,
    pathOf,
    newPart,
    append,
    finishPart,
    putBytes,
    /** Keeps a picture that somebody sent, after looking at it. */
    async putPicture(bytes: Buffer, param: string): Promise<Media & { width: number; height: number }> {
      const { mime, extension, width, height } = inspectPicture(bytes, param);
      const media = await putBytes(bytes, `${param}.${extension}`, 'image', mime);
      return { ...media, width, height };
    },
    /** @throws LimnerError `not_found` */
    get(id: string): Media & { path: string } {
      const row = ID.test(id)
        ? database.read.get<Media>('select id, kind, mime, bytes, name from media where id = ?', id)
        : undefined;
      const path = pathOf(id);
      if (!row || !existsSync(path)) throw new LimnerError('not_found', 'There is no such file.');
      return { ...row, path };
    },
    async remove(id: string): Promise<void> {
      await database.write((connection) => connection.run('delete from media where id = ?', id));
      await rm(pathOf(id), { force: true });
    },
    has: (id: string): boolean => ID.test(id) && existsSync(pathOf(id)),
  };
}

/** Appends a response to a part; resolves to how many bytes the part has now. */
async function append(part: string, response: Response, offset: number): Promise<number> {
  let bytes = offset;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes > MAX_BYTES) done(new LimnerError('too_large', 'The worker made a file of more than 2 GB.'));
      else done(null, chunk);
    },
  });
  if (!response.body) return bytes;
  const flags = offset > 0 ? 'a' : 'w';
  await pipeline(chunksOf(response.body), count, createWriteStream(part, { flags }));
  return bytes;
}

async function* chunksOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
  } finally {
    await reader.cancel();
  }
}
