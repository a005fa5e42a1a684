import multipart from '@fastify/multipart';
import type { FastifyInstance } from 'fastify';
import { LimnerError } from '../errors.ts';

/** No server that writes down what is said can be set yet, and the answer says so before the form is read. */
export function audioRoutes(server: FastifyInstance): void {
  void server.register(async (scope) => {
    await scope.register(multipart);
    scope.post('/v1/audio/transcriptions', () => {
      throw new LimnerError('model_unavailable', 'There is no server for transcriptions.');
    });
  });
}
