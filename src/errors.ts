/**
 * Every failure Limner names. The code decides the HTTP status and whether the queue tries again.
 * docs/errors.md explains each one; test/errors.test.ts holds the two together.
 */
export const ERRORS = {
  // Documents: the file itself is the reason, so trying again cannot help until it changes.
  unsupported: { status: 415, retry: false },
  corrupt: { status: 422, retry: false },
  encrypted: { status: 422, retry: false },
  too_large: { status: 413, retry: false },
  limit: { status: 422, retry: false },
  timeout: { status: 422, retry: false },
  crashed: { status: 422, retry: false },
  unreadable: { status: 422, retry: true },
  outside: { status: 403, retry: false },
  not_regular: { status: 422, retry: false },
  vanished: { status: 409, retry: true },
  changing: { status: 409, retry: true },
  // Servers: what is asked again later may succeed.
  model_unavailable: { status: 503, retry: true },
  model_missing: { status: 503, retry: true },
  model_answer: { status: 502, retry: true },
  input_too_long: { status: 400, retry: false },
  store_unavailable: { status: 503, retry: true },
  disk_full: { status: 507, retry: true },
  // Pictures.
  image_unavailable: { status: 503, retry: true },
  image_answer: { status: 502, retry: true },
  image_lost: { status: 502, retry: true },
  image_memory: { status: 503, retry: true },
  image_missing: { status: 422, retry: false },
  image_refused: { status: 422, retry: false },
  image_failed: { status: 502, retry: false },
  image_timeout: { status: 504, retry: false },
  workflow_invalid: { status: 422, retry: false },
  // Requests.
  invalid_request: { status: 400, retry: false },
  not_found: { status: 404, retry: false },
  model_not_found: { status: 404, retry: false },
  conflict: { status: 409, retry: false },
  unauthorized: { status: 401, retry: false },
  forbidden: { status: 403, retry: false },
  method_not_allowed: { status: 405, retry: false },
  rate_limited: { status: 429, retry: true },
  overloaded: { status: 503, retry: true },
  fetch_failed: { status: 502, retry: false },
  cancelled: { status: 499, retry: false },
  // Start.
  invalid_config: { status: 500, retry: false },
  data_in_use: { status: 500, retry: false },
  // What is not one of ours is a bug.
  internal: { status: 500, retry: false },
} as const;

export type ErrorCode = keyof typeof ERRORS;

/** A failure with a code and one plain sentence for a person: what happened, to what, what to do. */
export class LimnerError extends Error {
  readonly code: ErrorCode;
  /** The request field at fault, for HTTP answers. */
  readonly param: string | undefined;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; param?: string } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'LimnerError';
    this.code = code;
    this.param = options.param;
  }

  get status(): number {
    return ERRORS[this.code].status;
  }

  get retryable(): boolean {
    return ERRORS[this.code].retry;
  }
}

/** The system error code (`ENOENT`, ...) of a Node error, if it has one. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** The text of anything thrown, for logs. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
