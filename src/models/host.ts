import { isIPv6 } from 'node:net';
import { LimnerError } from '../errors.ts';

const DEFAULT_PORT = '11434';

/** Where Ollama is. `url` can be shown; `authorization` is a header value and cannot. */
export interface OllamaHost {
  /** Without credentials and without a slash at the end. */
  url: string;
  /** `Basic ...`, when the address came with a user and a password. */
  authorization?: string;
}

/**
 * Reads `OLLAMA_HOST` as Ollama does (`envconfig.Host`): `gpu`, `gpu:11434`, `:8000`, `[::1]:11434` or a URL.
 * Without a scheme the port is 11434; a URL without a port has its scheme's. The addresses a server listens
 * on (`0.0.0.0`, `::`) are no addresses to call, so they become the loopback.
 * @throws LimnerError `invalid_config`; the message does not repeat the value, since it may hold a password.
 */
export function parseOllamaHost(value: string): OllamaHost {
  const url = parseUrl(withScheme(value.trim()));
  if (url.hostname === '0.0.0.0') url.hostname = '127.0.0.1';
  if (url.hostname === '[::]') url.hostname = '[::1]';
  const shown = `${url.protocol}//${url.host}${url.pathname}`.replace(/\/+$/, '');
  return url.username || url.password ? { url: shown, authorization: basic(url) } : { url: shown };
}

function parseUrl(text: string): URL {
  const url = URL.parse(text);
  if (url && /^https?:$/.test(url.protocol) && url.hostname) return url;
  throw new LimnerError(
    'invalid_config',
    'OLLAMA_HOST is not an address: write it like http://127.0.0.1:11434 or gpu:11434.',
  );
}

function withScheme(value: string): string {
  if (value.includes('://')) return value;
  if (isIPv6(value)) return `http://[${value}]:${DEFAULT_PORT}`;
  const slash = value.indexOf('/');
  const address = slash < 0 ? value : value.slice(0, slash);
  return `http://${withPort(address)}${value.slice(address.length)}`;
}

function withPort(address: string): string {
  const full = address === '' || address.startsWith(':') ? `127.0.0.1${address}` : address;
  return /:\d+$/.test(full.replace(/^.*@/, '')) && !full.endsWith(']') ? full : `${full}:${DEFAULT_PORT}`;
}

function basic(url: URL): string {
  const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  return `Basic ${Buffer.from(pair).toString('base64')}`;
}
