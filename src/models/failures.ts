import { errors } from 'undici';
import { z } from 'zod';
import { LimnerError, messageOf, systemCode } from '../errors.ts';

/** A text that the model's context cannot hold. Handled inside this folder: split, or named to the caller. */
export class TooLongError extends Error {}

/** The server could not be spoken to at all, unlike one that answered "not now". */
export class ConnectionError extends LimnerError {
  constructor(message: string, cause: unknown) {
    super('model_unavailable', message, { cause });
  }
}

/** The server took longer than a call may take. It may be busy rather than gone. */
export class TooSlowError extends LimnerError {
  /** `server` with its address. */
  constructor(server: string, allowedMs: number) {
    super('model_unavailable', `${server} did not answer within ${Math.round(allowedMs / 100) / 10} s.`);
  }
}

/** Asking again later can help where the server is busy, restarting, or something before it refuses us. */
export const UNAVAILABLE: ReadonlySet<number> = new Set([401, 403, 408, 429, 499, 502, 503, 504]);
const NOT_NOW =
  /server busy|try again|unexpectedly stopped|no longer running|timed out|connection re(fused|set)/i;

/**
 * What Ollama and llama-server say of a text that does not fit (`isEmbeddingInputLimitError` and
 * `completionPromptForRequest` in Ollama's llm/llama_server.go, and the words of its older runners).
 */
const TOO_LONG =
  /context[ _](length|size|window)|exceeds? (the )?(available|maximum) context|too large to process|physical batch size|maximum allowed batch size/i;

/** The error for an answer with an error status. */
export function refusal(status: number, body: string): Error {
  const words = errorIn(body);
  if (status === 404 && words) return new LimnerError('model_missing', `Ollama says: ${words}.`);
  const said = words ?? `its address answers HTTP ${status}`;
  if (status === 404) return new LimnerError('model_unavailable', `This is not Ollama: ${said}.`);
  if (UNAVAILABLE.has(status))
    return new LimnerError('model_unavailable', `Ollama is not available: ${said}.`);
  return errorSaid(said);
}

/** The error for what a server says in `{"error": "..."}`, as an answer or as a line of a stream. */
export function errorSaid(message: string, server = 'Ollama'): Error {
  const said = brief(message);
  if (TOO_LONG.test(said)) return new TooLongError(said);
  if (NOT_NOW.test(said))
    return new LimnerError('model_unavailable', `${server} cannot answer now: ${said}.`);
  return new LimnerError('model_answer', `${server} answered with an error: ${said}.`);
}

/** The words of a server that may repeat what it was shown: the value of the header, and what that stands for. */
export function withoutKey(words: string, authorization = ''): string {
  const [scheme, sent = ''] = authorization.split(' ');
  const plain = scheme === 'Basic' ? Buffer.from(sent, 'base64').toString() : '';
  const parts = [sent, plain, plain.slice(plain.indexOf(':') + 1)].filter(Boolean);
  return parts.reduce((text, part) => text.replaceAll(part, '[secret]'), words);
}

const ErrorBody = z.object({ error: z.string() });

/** Ollama's own words; nothing when a proxy answers with a page of its own. */
function errorIn(body: string): string | undefined {
  const parsed = ErrorBody.safeParse(jsonOrNothing(body));
  return parsed.success ? brief(parsed.data.error) : undefined;
}

export function jsonOrNothing(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** An error met on the way as one of ours. What is not a failure of the call is a bug and comes back as it is. */
export function failureOf(error: unknown, server: string, url: string): unknown {
  if (error instanceof SyntaxError || error instanceof z.ZodError) return notUnderstood(error, server);
  if (!isNetworkError(error)) return error;
  const known = error instanceof TypeError ? error.cause : error;
  const reason = systemCode(known) ?? (known ? messageOf(known) : error.message);
  return new ConnectionError(`${server} at ${url} cannot be reached (${reason}): is it running?`, error);
}

/**
 * undici throws its own errors and those of the system; its `fetch` a TypeError that says "fetch failed" or "terminated" and
 * keeps the reason in `cause`.
 */
function isNetworkError(error: unknown): error is Error {
  if (error instanceof errors.UndiciError) return true;
  if (error instanceof Error && 'syscall' in error) return true;
  return error instanceof TypeError && /^(fetch failed|terminated)$/.test(error.message);
}

function notUnderstood(error: Error, server: string): LimnerError {
  const detail = error instanceof z.ZodError ? z.prettifyError(error) : error.message;
  return new LimnerError('model_answer', `The answer of ${server} is not understood: ${brief(detail)}.`, {
    cause: error,
  });
}

export function brief(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim().replace(/\.$/, '');
  return line.length > 300 ? `${line.slice(0, 300)}…` : line;
}
