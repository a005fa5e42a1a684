import { z } from 'zod';
import { LimnerError } from '../errors.ts';
import type { Context } from '../command-line.ts';
import { openService } from './service.ts';

const State = z.object({
  model: z.string().nullable(),
  previous: z.string().nullable(),
  held: z.boolean(),
  building: z.object({ model: z.string(), vectors: z.number(), chunks: z.number() }).nullable(),
});

/** Shows which embedding model answers; goes back to the one before, or forward to that of the settings. */
export async function index(context: Context): Promise<number> {
  const [where] = context.args;
  if (where !== undefined && where !== 'back' && where !== 'forward')
    throw new LimnerError('invalid_request', `index knows back and forward, not ${where}.`);
  const service = await openService(context);
  try {
    const state = await (where === undefined
      ? service.call(State, 'GET', '/api/index')
      : service.call(State, 'POST', `/api/index/${where}`, {}));
    process.stdout.write(told(state));
    return 0;
  } finally {
    await service.close();
  }
}

function told({ model, previous, held, building }: z.infer<typeof State>): string {
  const lines = [
    `in force: ${model ?? 'no model yet'}${held ? ' (held; `limner index forward` lets the next one in)' : ''}`,
    ...(previous === null ? [] : [`before it: ${previous} (\`limner index back\` returns to it)`]),
    ...(building ? [`building: ${building.model}, ${building.vectors} of ${building.chunks} chunks`] : []),
  ];
  return `${lines.join('\n')}\n`;
}
