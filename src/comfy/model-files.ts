import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open as openFile, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { LimnerError, systemCode } from '../errors.ts';
import type { ModelFile } from './manifest.ts';

export interface FetchModelOptions {
  /** ComfyUI's folder `models`. */
  folder: string;
  /** Hosts that may be asked, their subdomains included; each redirect is held to them as well. */
  hosts: readonly string[];
  /** Takes files whose SHA-256 the manifest does not know. */
  allowUnverified?: boolean;
  protocol?: 'https:' | 'http:';
  maxBytes?: number;
  /** Without a byte for longer the download breaks off; what is there is taken up the next time. */
  idleMs?: number;
  onProgress?: (bytes: number, total: number | undefined) => void;
}

export type FetchedModel = 'present' | 'fetched';

const MAX_BYTES = 100 * 1024 ** 3;
const IDLE_MS = 60_000;
const REDIRECTS = 5;

/**
 * Brings a model file into its folder: taken up where an earlier try broke off, checked by its SHA-256, and put in its
 * place only when it is whole.
 * @throws LimnerError `outside` for an address that is not allowed, `corrupt` when the bytes are not the right ones,
 * `fetch_failed` when the host does not answer well, `too_large`.
 */
export async function fetchModel(
  model: ModelFile,
  options: FetchModelOptions,
  signal: AbortSignal,
): Promise<FetchedModel> {
  if (!model.url) throw new LimnerError('invalid_request', `${model.name} has no url in the manifest.`);
  const path = join(options.folder, model.folder, model.name);
  if ((await sizeOf(path)) > 0) return 'present';
  if (model.sha256 === undefined && !options.allowUnverified)
    throw new LimnerError(
      'invalid_request',
      `${model.name} has no sha256 in the manifest; --allow-unverified brings it unchecked.`,
    );
  const part = `${path}.part`;
  await mkdir(dirname(path), { recursive: true });
  await download(model.url, part, options, signal);
  await verify(part, model);
  await rename(part, path);
  return 'fetched';
}

async function download(
  url: string,
  part: string,
  options: FetchModelOptions,
  signal: AbortSignal,
): Promise<void> {
  const { maxBytes = MAX_BYTES, idleMs = IDLE_MS, onProgress } = options;
  const idle = new AbortController();
  let file: FileHandle | undefined;
  let timer = setTimeout(() => idle.abort(), idleMs);
  try {
    const from = await sizeOf(part);
    const response = await open(url, from, options, AbortSignal.any([signal, idle.signal]));
    // The part is whole already and only has to be checked.
    if (response.status === 416) return;
    if (!response.ok || !response.body)
      throw new LimnerError('fetch_failed', `${new URL(url).host} answered ${response.status}.`);
    const offset = response.status === 206 ? from : 0;
    const length = Number(response.headers.get('content-length') ?? Number.NaN);
    const total = Number.isNaN(length) ? undefined : offset + length;
    let bytes = offset;
    // Written piece by piece, so that what came before a break is kept.
    file = await openFile(part, offset > 0 ? 'a' : 'w');
    for await (const chunk of response.body) {
      clearTimeout(timer);
      timer = setTimeout(() => idle.abort(), idleMs);
      await file.write(chunk);
      bytes += chunk.length;
      onProgress?.(bytes, total);
      if (bytes > maxBytes) throw new LimnerError('too_large', 'The model is larger than is allowed.');
    }
  } catch (error) {
    if (error instanceof LimnerError) throw error;
    if (signal.aborted) throw new LimnerError('cancelled', 'The download was cancelled.', { cause: error });
    throw new LimnerError('fetch_failed', `${new URL(url).host} broke off; start again to go on.`, {
      cause: error,
    });
  } finally {
    clearTimeout(timer);
    await file?.close();
  }
}

/** Follows redirects by hand, so that none leads to a host that is not allowed. */
async function open(
  url: string,
  from: number,
  { hosts, protocol = 'https:' }: FetchModelOptions,
  signal: AbortSignal,
): Promise<Response> {
  let next = new URL(url);
  for (let hop = 0; hop <= REDIRECTS; hop++) {
    const isAllowed = hosts.some((host) => next.hostname === host || next.hostname.endsWith(`.${host}`));
    if (next.protocol !== protocol || !isAllowed)
      throw new LimnerError('outside', `Models are not fetched from ${next.protocol}//${next.hostname}.`);
    const headers = from > 0 ? { range: `bytes=${from}-` } : undefined;
    const response = await fetch(next, { redirect: 'manual', signal, ...(headers && { headers }) });
    const location = response.headers.get('location');
    if (response.status < 300 || response.status >= 400 || location === null) return response;
    await response.body?.cancel();
    next = new URL(location, next);
  }
  throw new LimnerError('fetch_failed', `${new URL(url).host} redirects too often.`);
}

async function verify(part: string, model: ModelFile): Promise<void> {
  const bytes = await sizeOf(part);
  const isWhole = bytes > 0 && (model.size === undefined || bytes === model.size);
  if (isWhole && (model.sha256 === undefined || (await hashOf(part)) === model.sha256)) return;
  await rm(part, { force: true });
  throw new LimnerError(
    'corrupt',
    `${model.name} is not the file that the manifest describes; it was removed.`,
  );
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest('hex');
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return 0;
    throw error;
  }
}
