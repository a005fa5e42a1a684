import type { z } from 'zod';
import { LimnerError, messageOf } from '../errors.ts';
import type { WorkerAddress } from './address.ts';
import { parseLooseJson } from './loose-json.ts';

export interface Reply {
  status: number;
  /** Undefined where the answer is not JSON. */
  body: unknown;
  text: string;
}

export interface CallOptions {
  method?: 'GET' | 'POST';
  json?: object;
  form?: FormData;
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
  timeoutMs?: number;
}

export type Http = ReturnType<typeof createHttp>;

/** Calls to one worker; each has a deadline. Redirects are refused: they would carry the credentials away. */
export function createHttp(
  address: WorkerAddress,
  timeoutMs: number,
  closing: AbortSignal,
  name = 'ComfyUI',
) {
  async function open(path: string, options: CallOptions): Promise<Response> {
    const { method = 'GET', json, form, headers, signal } = options;
    const deadline = AbortSignal.timeout(options.timeoutMs ?? timeoutMs);
    return fetch(address.url + path, {
      method,
      redirect: 'error',
      headers: {
        ...address.headers,
        ...headers,
        ...(json && { 'content-type': 'application/json' }),
      },
      signal: AbortSignal.any([deadline, closing, ...(signal ? [signal] : [])]),
      ...(json && { body: JSON.stringify(json) }),
      ...(form && { body: form }),
    });
  }

  /** Names what `fetch` throws: our own end is `cancelled`, everything else means the worker is not there. */
  async function guarded<T>(options: CallOptions, action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      if (error instanceof LimnerError) throw error;
      if (closing.aborted || options.signal?.aborted)
        throw new LimnerError('cancelled', `The call to ${name} was cancelled.`, { cause: error });
      throw unavailable(address.url, error, name);
    }
  }

  const call = (path: string, options: CallOptions = {}): Promise<Reply> =>
    guarded(options, async () => {
      const response = await open(path, options);
      const text = await response.text();
      return { status: response.status, text, body: bodyOf(response, text) };
    });

  return {
    call,
    /** The parsed body of a 200. */
    async json<T>(schema: z.ZodType<T>, path: string, options: CallOptions = {}): Promise<T> {
      const reply = await call(path, options);
      if (reply.status !== 200) throw refused(address.url, path, reply.status, name);
      const parsed = schema.safeParse(reply.body);
      if (parsed.success) return parsed.data;
      throw new LimnerError('image_answer', `${name} at ${address.url} gave an unknown answer on ${path}.`);
    },
    /** The response as it begins; reading its body is under the same deadline. */
    open: (path: string, options: CallOptions = {}): Promise<Response> =>
      guarded(options, () => open(path, options)),
  };
}

function bodyOf(response: Response, text: string): unknown {
  if (!(response.headers.get('content-type') ?? '').includes('json')) return undefined;
  try {
    return parseLooseJson(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

export function unavailable(url: string, cause: unknown, name: string): LimnerError {
  const reason = cause instanceof Error && cause.cause ? messageOf(cause.cause) : messageOf(cause);
  return new LimnerError('image_unavailable', `${name} at ${url} cannot be reached (${reason}).`, { cause });
}

export function refused(url: string, path: string, status: number, name = 'ComfyUI'): LimnerError {
  const isAuth = status === 401 || status === 403;
  const hint = isAuth ? `: it wants other credentials (${name.toUpperCase()}_URL)` : '';
  return new LimnerError('image_answer', `${name} at ${url} answered ${status} on ${path}${hint}.`);
}
