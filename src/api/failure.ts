import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { ERRORS, LimnerError, systemCode, type ErrorCode } from '../errors.ts';
import type { Log } from '../log.ts';

/** The one error shape, OpenAI's. */
export interface ErrorBody {
  error: { message: string; type: string; code: ErrorCode; param: string | null };
}

export function errorBody(error: LimnerError): ErrorBody {
  return {
    error: {
      message: error.message,
      type: typeOf(error.status),
      code: error.code,
      param: error.param ?? null,
    },
  };
}

/** Runs it; what it refuses is said of the field by which clients of this route know it: `{ours: theirs}`. */
export async function inTheirWords<T>(
  fields: Readonly<Record<string, string>>,
  work: () => T | Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const param = error instanceof LimnerError && fields[error.param ?? ''];
    if (!param) throw error;
    throw new LimnerError(error.code, error.message, { cause: error, param });
  }
}

function typeOf(status: number): string {
  if (status === 401) return 'authentication_error';
  if (status === 403) return 'permission_error';
  if (status === 404) return 'not_found_error';
  if (status === 429) return 'rate_limit_error';
  return status < 500 ? 'invalid_request_error' : 'server_error';
}

/** What a stranger may see of any failure: ours as they are, everything else as one fixed sentence. */
export function asShown(error: unknown, log: Log, requestId: string): LimnerError {
  if (error instanceof LimnerError) return error;
  if (systemCode(error) === 'ERR_STREAM_PREMATURE_CLOSE')
    return new LimnerError('cancelled', 'The client left before the answer was whole.');
  const refused = fromFastify(error);
  if (refused) return refused;
  log.error({ err: error, request: requestId }, 'a request failed in a way that is a bug');
  return new LimnerError(
    'internal',
    `Limner failed on this request; the log has the details under ${requestId}.`,
  );
}

/** Fastify's own refusals, from the status it gives them. */
function fromFastify(error: unknown): LimnerError | undefined {
  if (!isFastifyError(error)) return undefined;
  const status = error.statusCode ?? 500;
  if (status === 413) return new LimnerError('too_large', 'The body is larger than this route takes.');
  if (status === 415)
    return new LimnerError(
      'invalid_request',
      'Send a body of type application/json (or multipart/form-data for files).',
    );
  if (status >= 400 && status < 500)
    return new LimnerError(
      'invalid_request',
      'The request could not be read: its body, address or headers are malformed.',
    );
  return undefined;
}

function isFastifyError(error: unknown): error is FastifyError {
  return error instanceof Error && 'statusCode' in error && 'code' in error;
}

export function createErrorHandler(log: Log) {
  return function handle(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const shown = asShown(error, log, request.id);
    // A browser would open its own dialog over the page, which asks for a key itself.
    if (shown.code === 'unauthorized' && (request.headers['sec-fetch-mode'] ?? 'navigate') === 'navigate')
      void reply.header('www-authenticate', 'Basic realm="Limner", charset="UTF-8"');
    if (ERRORS[shown.code].retry && [429, 503].includes(shown.status))
      void reply.header('retry-after', secondsIn(shown.message) ?? '5');
    void reply.code(shown.status).type('application/json').send(errorBody(shown));
  };
}

/** How long a refusal says to wait, as its message has it. */
function secondsIn(message: string): string | undefined {
  return /try again in (\d+) s/.exec(message)?.[1];
}

/** Parses outside data, or throws `invalid_request` naming the first field at fault. */
export function parse<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = parsedBy(schema, value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const unknown = issue?.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : [];
  const param = [...(issue?.path ?? []), ...unknown].join('.');
  throw new LimnerError('invalid_request', `${param || 'The body'}: ${issue?.message ?? 'is not valid'}`, {
    ...(param !== '' && { param }),
  });
}

/** A schema that contains itself goes as deep as what is sent, and the stack does not. */
function parsedBy<T>(schema: z.ZodType<T>, value: unknown): z.ZodSafeParseResult<T> {
  try {
    return schema.safeParse(value);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new LimnerError('invalid_request', 'The body is nested too deeply.', { cause: error });
  }
}
