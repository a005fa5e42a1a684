import { LimnerError } from '../errors.ts';

/** A server that speaks OpenAI's API. `url` can be shown; `authorization` is a header value and cannot. */
export interface OpenAiHost {
  /** As clients call their base URL, such as `http://127.0.0.1:1234/v1`: without credentials and last slash. */
  url: string;
  authorization?: string;
}

/**
 * Reads `LIMNER_CHAT_URL` or `LIMNER_EMBED_URL`. An address without a path gets `/v1`, where all of them have it.
 * @throws LimnerError `invalid_config`; the message does not repeat the value, since it may hold a password.
 */
export function parseOpenAiHost(address: string, key?: string): OpenAiHost {
  const url = URL.parse(address.trim());
  if (!url || !/^https?:$/.test(url.protocol))
    throw new LimnerError('invalid_config', 'A model server is an address like http://127.0.0.1:1234/v1.');
  const path = url.pathname.replace(/\/+$/, '');
  const shown = `${url.protocol}//${url.host}${path === '' ? '/v1' : path}`;
  if (key !== undefined) return { url: shown, authorization: `Bearer ${key}` };
  if (url.username === '' && url.password === '') return { url: shown };
  const [user, password] = [decodeURIComponent(url.username), decodeURIComponent(url.password)];
  const pair = Buffer.from(`${user}:${password}`).toString('base64');
  return { url: shown, authorization: `Basic ${pair}` };
}
