import type { Readable } from 'node:stream';
import { request } from 'undici';

/** What a model server is asked: a `GET`, or with a body a `POST`. */
export interface ModelRequest {
  headers: Record<string, string>;
  body?: string;
  signal: AbortSignal;
}

/** Looks at what comes in before it is passed on; what it throws ends the answer. */
export interface Watcher {
  onBytes(bytes: Uint8Array): void;
  onEnd?(): void;
}

/** A reader who is slow must not look like a server who is: this much is read ahead of one, and then the server waits. */
const AHEAD_BYTES = 1024 * 1024;

/**
 * Asks a server; takes half the processor time of `fetch`. An answer without a `watcher` is there as a whole; with one it is
 * a stream. Redirects are not followed, and no clock but those behind `signal` ends the call. Rejects with what
 * `signal` was aborted for, else with an error of undici's or of the system's.
 */
export async function ask(
  url: string,
  { headers, body, signal }: ModelRequest,
  watcher?: Watcher,
): Promise<Response> {
  const answer = await request(url, {
    method: body === undefined ? 'GET' : 'POST',
    headers,
    signal,
    headersTimeout: 0,
    bodyTimeout: 0,
    ...(body !== undefined && { body }),
  });
  const head = { status: answer.statusCode, headers: headersOf(answer.headers) };
  if (watcher && answer.statusCode < 300) return new Response(watched(answer.body, watcher), head);
  return new Whole(await answer.body.arrayBuffer(), head);
}

/** An answer that is there as a whole, and is not made a stream to be read. */
class Whole extends Response {
  readonly #bytes: ArrayBuffer;

  constructor(bytes: ArrayBuffer, head: ResponseInit) {
    super(null, head);
    this.#bytes = bytes;
  }

  override arrayBuffer(): Promise<ArrayBuffer> {
    return Promise.resolve(this.#bytes);
  }

  override text(): Promise<string> {
    return Promise.resolve(new TextDecoder().decode(this.#bytes));
  }

  override async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }
}

function watched(body: Readable, { onBytes, onEnd }: Watcher): ReadableStream<Uint8Array<ArrayBuffer>> {
  // Whoever reads meets the failure.
  body.on('error', () => undefined);
  const parts: AsyncIterator<Uint8Array<ArrayBuffer>> = body[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      async pull(controller) {
        try {
          const { done, value } = await parts.next();
          if (done === true) {
            onEnd?.();
            controller.close();
          } else {
            onBytes(value);
            controller.enqueue(value);
          }
        } catch (error) {
          body.destroy();
          throw error;
        }
      },
      cancel: () => void body.destroy(),
    },
    new ByteLengthQueuingStrategy({ highWaterMark: AHEAD_BYTES }),
  );
}

function headersOf(headers: Record<string, string | string[] | undefined>): [string, string][] {
  return Object.entries(headers).flatMap(([name, value]) =>
    [value ?? []].flat().map((one): [string, string] => [name, one]),
  );
}
