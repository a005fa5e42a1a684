import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

const HEADER = 'x-limner-within';

export interface WithinCall {
  method: 'GET' | 'POST';
  url: string;
  body?: object | FormData | undefined;
  signal: AbortSignal;
}

export type Within = ReturnType<typeof createWithin>;

/**
 * Requests that the service makes to itself on behalf of one that it answers, with the key of that one. They were
 * admitted and counted with it, so that they count no second time.
 */
export function createWithin(server: FastifyInstance) {
  /** Those under way, by a name that nobody else knows. */
  const calls = new Map<string, AbortSignal>();

  return {
    /** Whether it is one of these; such a one ends with its signal, as if its client had left. */
    follow({ headers }: FastifyRequest, reply: FastifyReply): boolean {
      const signal = calls.get(String(headers[HEADER]));
      signal?.addEventListener('abort', () => reply.raw.destroy(), { once: true });
      return signal !== undefined;
    },

    async call({ headers, ip }: FastifyRequest, { method, url, body, signal }: WithinCall) {
      const form = body instanceof FormData ? new Response(body) : undefined;
      const payload = form ? Buffer.from(await form.arrayBuffer()) : body;
      const name = randomUUID();
      calls.set(name, signal);
      try {
        return await server.inject({
          method,
          url,
          remoteAddress: ip,
          headers: {
            host: headers.host,
            [HEADER]: name,
            ...(headers.authorization !== undefined && { authorization: headers.authorization }),
            ...(headers.cookie !== undefined && { cookie: headers.cookie }),
            ...(form && { 'content-type': form.headers.get('content-type') ?? '' }),
          },
          ...(payload && { payload }),
        });
      } finally {
        calls.delete(name);
      }
    },
  };
}
