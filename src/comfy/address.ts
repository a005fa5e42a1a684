import { LimnerError } from '../errors.ts';

/** Where a worker listens. `headers` go with every request and with the WebSocket's upgrade; never shown. */
export interface WorkerAddress {
  /** Without credentials and without a slash at the end; it names the worker. */
  url: string;
  headers: Record<string, string>;
}

/**
 * Reads `http://user:pass@host:8188`; `token@host` (no password) is sent as a Bearer token, `x-api-key=secret@host` as
 * a header of that name.
 * @throws LimnerError `invalid_config` when it is not an http address.
 */
export function parseWorkerAddress(text: string): WorkerAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol))
    throw new LimnerError('invalid_config', 'COMFYUI_URL: an entry is not an http or https address.');
  const headers = credentials(decodeURIComponent(url.username), decodeURIComponent(url.password));
  return { url: `${url.origin}${url.pathname.replace(/\/+$/, '')}`, headers };
}

const HEADER = /^(x-[a-z-]+)=(.+)$/i;

function credentials(user: string, password: string): Record<string, string> {
  if (user === '') return {};
  const [, header, value] = (password === '' && HEADER.exec(user)) || [];
  if (header !== undefined && value !== undefined) return { [header.toLowerCase()]: value };
  if (password === '') return { authorization: `Bearer ${user}` };
  return { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` };
}

/** Every part of the addresses that must not appear in a log. */
export function workerSecrets(addresses: readonly string[]): string[] {
  return addresses
    .filter((text) => URL.canParse(text))
    .map((text) => new URL(text))
    .map((url) => decodeURIComponent(url.password === '' ? url.username : url.password))
    .map((secret) => HEADER.exec(secret)?.[2] ?? secret)
    .filter(Boolean);
}
