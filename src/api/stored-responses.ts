import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Memory, Remembered } from '../ask/remembered.ts';
import { LimnerError } from '../errors.ts';
import { countBefore } from './cursor.ts';
import { parse } from './failure.ts';
import { listBody } from './file-shapes.ts';

export const ItemsQuery = z.looseObject({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  after: z.string().optional(),
  order: z.enum(['asc', 'desc']).default('desc'),
});

const ReadQuery = z.looseObject({
  stream: z.literal('false', { error: 'a stored response is not streamed again' }).optional(),
});

interface ById {
  Params: { id: string };
}

/** What can be done with a response after it was made. */
export function storedResponseRoutes(server: FastifyInstance, { memory }: { memory: Memory }): void {
  server.get<ById>('/v1/responses/:id', ({ params, query }) => {
    parse(ReadQuery, query);
    return remembered(memory, params.id).response;
  });

  server.delete<ById>('/v1/responses/:id', async ({ params }) => {
    if (!(await memory.forget(params.id))) throw unknownResponse(params.id, 'id');
    return { id: params.id, object: 'response', deleted: true };
  });

  server.get<ById>('/v1/responses/:id/input_items', ({ params, query }) => {
    const { limit, after, order } = parse(ItemsQuery, query);
    const { items, inputFrom, inputTo } = remembered(memory, params.id);
    const input = items.slice(inputFrom, inputTo).map(withId);
    const all = order === 'asc' ? input : input.toReversed();
    return listBody(all.slice(countBefore(all.map(idOf), after)), limit);
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

function idOf({ id }: { id?: unknown }): string {
  return typeof id === 'string' ? id : '';
}

function withId(item: Record<string, unknown>): Record<string, unknown> & { id: string } {
  return { ...item, id: idOf(item) };
}

function unknownResponse(id: string, param: string): LimnerError {
  return new LimnerError('not_found', `There is no response ${id}.`, { param });
}
