import { z } from 'zod';

const States = z.record(
  z.string(),
  z.looseObject({ value: z.number().catch(0), max: z.number().catch(1), state: z.string() }),
);
const Cached = z.array(z.string());

/**
 * How far a run is, as a fraction over the nodes that its outputs need: cached and finished ones count as
 * whole, the running one by its ticks. It never goes back and reaches 1 only by `finish`.
 */
export function createProgress(nodes: ReadonlySet<string>) {
  const done = new Set<string>();
  let fraction = 0;

  function count(running: number): number {
    if (nodes.size === 0) return fraction;
    fraction = Math.max(fraction, Math.min(0.99, (done.size + running) / nodes.size));
    return fraction;
  }

  return {
    /** The fraction after a frame of this run. */
    take(type: string, data: Record<string, unknown>): number {
      if (type === 'execution_cached') {
        for (const id of Cached.catch([]).parse(data['nodes'])) if (nodes.has(id)) done.add(id);
        return count(0);
      }
      if (type !== 'progress_state') return fraction;
      let running = 0;
      for (const [id, node] of Object.entries(States.catch({}).parse(data['nodes']))) {
        if (!nodes.has(id)) continue;
        if (node.state === 'finished') done.add(id);
        else if (!done.has(id) && node.max > 0) running += Math.min(1, node.value / node.max);
      }
      return count(running);
    },
    fraction: (): number => fraction,
  };
}
