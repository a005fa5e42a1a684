import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { LimnerError } from '../errors.ts';

const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.html': 'text/html; charset=utf-8',
  '.wasm': 'application/wasm',
  '.ttf': 'font/ttf',
};

/** As small as it gets in the time a browser waits anyway: pdf.js's worker, 1 MB, takes 40 ms. */
const BROTLI = { params: { [constants.BROTLI_PARAM_QUALITY]: 6 } };
const FORMS = { br: (bytes: Buffer) => promisify(brotliCompress)(bytes, BROTLI), gzip: promisify(gzip) };
type Form = keyof typeof FORMS;

interface Held {
  changed: number;
  tag: string;
  bytes: Buffer;
  /** Compressed once, when first asked for. */
  forms: Partial<Record<Form, Promise<Buffer>>>;
}

export type StaticFiles = ReturnType<typeof createStaticFiles>;

/** Files of the page and of pdf.js that browsers load: held in memory, compressed, asked for again only when they changed. */
export function createStaticFiles() {
  const held = new Map<string, Held>();

  /** Throws LimnerError `not_found`. */
  async function load(path: string): Promise<Held> {
    const found = await stat(path).catch(() => undefined);
    if (!found?.isFile()) throw new LimnerError('not_found', 'There is no such file.');
    const known = held.get(path);
    if (known?.changed === found.mtimeMs) return known;
    const file = hold(await readFile(path), found.mtimeMs);
    held.set(path, file);
    return file;
  }

  async function answer(request: FastifyRequest, reply: FastifyReply, file: Held): Promise<FastifyReply> {
    const form = formOf(request.headers['accept-encoding']);
    const tag = `"${file.tag}${form ?? ''}"`;
    const varies = [reply.getHeader('vary') ?? [], 'Accept-Encoding'].flat().join(', ');
    void reply.header('etag', tag).header('vary', varies);
    if (request.headers['if-none-match'] === tag) return reply.code(304).send();
    if (!form) return reply.send(file.bytes);
    return reply.header('content-encoding', form).send(await (file.forms[form] ??= FORMS[form](file.bytes)));
  }

  return {
    /** A file of the disk. Throws LimnerError `not_found`. */
    async send(request: FastifyRequest, reply: FastifyReply, path: string, cache = 'no-cache') {
      void reply
        .header('content-type', TYPES[extname(path)] ?? 'application/octet-stream')
        .header('cache-control', cache);
      return answer(request, reply, await load(path));
    },
    /** The text of a file, as it is now. */
    text: async (path: string): Promise<string> => (await load(path)).bytes.toString(),
    /** A page made of text; the caller has set its headers. */
    sendText: (request: FastifyRequest, reply: FastifyReply, text: string) =>
      answer(request, reply, hold(Buffer.from(text), 0)),
  };
}

function hold(bytes: Buffer, changed: number): Held {
  return {
    changed,
    bytes,
    tag: createHash('sha256').update(bytes).digest('base64url').slice(0, 16),
    forms: {},
  };
}

/** Browsers take Brotli over TLS and from their own machine only, and gzip everywhere. */
function formOf(accepted: string | string[] | undefined): Form | undefined {
  const taken = String(accepted ?? '');
  if (/\bbr\b/.test(taken)) return 'br';
  return /\bgzip\b/.test(taken) ? 'gzip' : undefined;
}
