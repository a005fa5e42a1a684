import { createReadStream } from 'node:fs';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** A stored file as it is sent. */
export interface MediaFile {
  path: string;
  mime: string;
  kind: string;
  bytes: number;
  name: string;
}

/** Files come from workers: a browser shows them, but runs nothing in them. */
const POLICY = "default-src 'none'; sandbox";

/** Sends a file, or the range of it that is asked for. */
export function sendFile(
  { headers }: FastifyRequest,
  reply: FastifyReply,
  file: MediaFile,
  { etag, cacheControl }: { etag: string; cacheControl: string },
): FastifyReply {
  const isUnknown = file.kind === 'file';
  void reply
    .header('accept-ranges', 'bytes')
    .header('etag', `"${etag}"`)
    .header('cache-control', cacheControl)
    .header('content-security-policy', POLICY)
    .header('content-type', isUnknown ? 'application/octet-stream' : file.mime)
    .header('content-disposition', `${isUnknown ? 'attachment' : 'inline'}; filename="${file.name}"`);
  if (isKnown(headers['if-none-match'], etag)) return reply.code(304).send();
  const isOther = headers['if-range'] !== undefined && headers['if-range'] !== `"${etag}"`;
  const range = isOther ? undefined : rangeOf(headers.range, file.bytes);
  if (range === 'outside') return reply.code(416).header('content-range', `bytes */${file.bytes}`).send();
  const { start, end } = range ?? { start: 0, end: file.bytes - 1 };
  if (range) void reply.code(206).header('content-range', `bytes ${start}-${end}/${file.bytes}`);
  void reply.header('content-length', end - start + 1);
  return reply.send(file.bytes === 0 ? '' : createReadStream(file.path, { start, end }));
}

/** What `If-None-Match` says: a list, of which weak ones count too (RFC 9110). */
function isKnown(header: string | undefined, etag: string): boolean {
  const known = header?.split(',').map((one) => one.trim().replace(/^W\//, '')) ?? [];
  return known.includes('*') || known.includes(`"${etag}"`);
}

/**
 * One range of `bytes=a-b`, `bytes=a-` or `bytes=-n`; several at once, and one that ends before it begins, are answered with
 * the whole.
 */
export function rangeOf(
  header: string | undefined,
  bytes: number,
): { start: number; end: number } | 'outside' | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (!match || match[0] === 'bytes=-') return undefined;
  const [, first = '', last = ''] = match;
  if (first !== '' && last !== '' && Number(last) < Number(first)) return undefined;
  const start = first === '' ? Math.max(0, bytes - Number(last)) : Number(first);
  const end = first === '' || last === '' ? bytes - 1 : Math.min(Number(last), bytes - 1);
  return start > end ? 'outside' : { start, end };
}
