import type { FastifyInstance } from 'fastify';
import type { Memory, Remembered } from '../ask/remembered.ts';
import { LimnerError } from '../errors.ts';

interface ById {
  Params: { id: string };
}

/** What can be done with a response after it was made. */
export function storedResponseRoutes(server: FastifyInstance, { memory }: { memory: Memory }): void {
  server.get<ById>('/v1/responses/:id', ({ params }) => remembered(memory, params.id).response);

  server.delete<ById>('/v1/responses/:id', async ({ params }) => {
    if (!(await memory.forget(params.id))) throw unknownResponse(params.id, 'id');
    return { id: params.id, object: 'response', deleted: true };
  });

  server.get<ById>('/v1/responses/:id/input_items', ({ params }) => {
    const { items, inputFrom, inputTo } = remembered(memory, params.id);
    const data = items.slice(inputFrom, inputTo).toReversed();
    const ids = data.map(({ id }) => (typeof id === 'string' ? id : ''));
    return { object: 'list', data, first_id: ids[0] ?? '', last_id: ids.at(-1) ?? '', has_more: false };
  });

  server.post<ById>('/v1/responses/:id/cancel', ({ params }) => {
    remembered(memory, params.id);
    throw new LimnerError(
      'invalid_request',
      'Only responses in the background can be cancelled; leave the connection to cancel this one.',
    );
  });
}

/** @throws LimnerError `not_found`, naming the field that asked for it. */
export function remembered(memory: Memory, id: string, param = 'id'): Remembered {
  const known = memory.get(id);
  if (!known) throw unknownResponse(id, param);
  return known;
}

function unknownResponse(id: string, param: string): LimnerError {
  return new LimnerError('not_found', `There is no response ${id}.`, { param });
}
