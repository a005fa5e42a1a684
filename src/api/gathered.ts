import { Transform, type Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { LimnerError } from '../errors.ts';

/** Bodies that may lie in memory at the same time, in bytes. */
const MOST_BYTES = 256 * 1024 * 1024;
/** Forms whose files are held in memory; those of other routes go to the disk as they come. */
const HELD_FORMS: ReadonlySet<string> = new Set(['/v1/images/edits', '/v1/audio/transcriptions']);

/**
 * Keeps the sum of the bodies that are gathered in memory within a limit: each of them has one of its own, but many of them
 * at once would fill the memory all the same. A body that says its length is counted before a byte of it is read.
 */
export function createGathered(most = MOST_BYTES) {
  const bytes = new Map<string, number>();
  let sum = 0;

  function add(request: FastifyRequest, more: number): void {
    sum += more;
    bytes.set(request.id, (bytes.get(request.id) ?? 0) + more);
  }

  function leave(request: FastifyRequest): void {
    sum -= bytes.get(request.id) ?? 0;
    bytes.delete(request.id);
  }

  return {
    /** Throws `overloaded` when what is announced does not fit beside what is there. */
    enter(request: FastifyRequest, reply: FastifyReply): void {
      const announced = isHeld(request) ? Number(request.headers['content-length'] ?? 0) : 0;
      // What the route would refuse is never gathered.
      const counted = Math.min(announced || 0, request.routeOptions.bodyLimit ?? most);
      if (sum + counted > most) throw tooMuch();
      add(request, counted);
      reply.raw.once('close', () => leave(request));
    },

    /** The body, counted as it comes where it does not say its length. */
    follow(request: FastifyRequest, body: Readable): Readable {
      if (!isHeld(request) || request.headers['transfer-encoding'] === undefined) return body;
      const counter = new Transform({
        transform(chunk: Buffer, _encoding, done) {
          if (sum + chunk.length > most) return done(tooMuch());
          add(request, chunk.length);
          done(null, chunk);
        },
      });
      // A body that breaks off ends the wait for it; piping alone would not tell.
      body.once('error', (error) => counter.destroy(error));
      return body.pipe(counter);
    },
  };
}

function isHeld({ headers, routeOptions }: FastifyRequest): boolean {
  const isForm = headers['content-type']?.startsWith('multipart/') ?? false;
  return !isForm || HELD_FORMS.has(routeOptions.url ?? '');
}

function tooMuch(): LimnerError {
  return new LimnerError('overloaded', 'Too many large requests are under way; try again in a moment.');
}
