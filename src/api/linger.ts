import type { FastifyReply, FastifyRequest } from 'fastify';

/** So long what is still sent of a refused body is read and thrown away, ms. */
const LINGER_MS = 10_000;

/**
 * Closing a connection on which unread bytes lie resets it, and a client that is still sending then loses the answer that
 * says why (RFC 9112, 9.6). So the rest of a refused body is read to its end, for a while.
 */
export function linger({ raw }: FastifyRequest, reply: FastifyReply): void {
  // Fastify closes after a body that it did not read whole; nothing else here asks for it.
  if (raw.complete || reply.getHeader('connection') !== 'close') return;
  void reply.removeHeader('connection');
  const timer = setTimeout(() => raw.socket.destroy(), LINGER_MS).unref();
  raw.once('close', () => clearTimeout(timer));
  raw.unpipe().resume();
}
