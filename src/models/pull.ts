import { z } from 'zod';
import { openCall } from './call.ts';
import type { Limits } from './deadline.ts';
import type { OllamaHost } from './host.ts';

const ProgressLine = z.object({
  status: z.string(),
  digest: z.string().optional(),
  total: z.number().nonnegative().optional(),
  completed: z.number().nonnegative().optional(),
});
type Progress = z.infer<typeof ProgressLine>;

/**
 * Has the server download a model and waits for it. `onProgress` gets 0 to 1, never less than before.
 * @throws LimnerError as calls do; a model the registry does not have is `model_answer` with Ollama's words.
 */
export async function pullModel(
  host: OllamaHost,
  limits: Limits,
  name: string,
  signal: AbortSignal,
  onProgress: (done: number) => void,
): Promise<void> {
  const call = openCall(host, limits, [signal]);
  const progress = createProgress(onProgress);
  try {
    const lines = await call.ollama.pull({ model: name, stream: true });
    for await (const line of lines) progress(ProgressLine.parse(line));
  } catch (error) {
    throw call.failure(error);
  } finally {
    call.end();
  }
}

/** A model comes in layers, each with its own digest; a layer is heard of only when its turn comes. */
function createProgress(onProgress: (done: number) => void): (line: Progress) => void {
  const layers = new Map<string, { total: number; completed: number }>();
  let most = 0;
  return ({ digest, total, completed = 0 }) => {
    if (digest === undefined || !total) return;
    layers.set(digest, { total, completed: Math.min(completed, total) });
    most = Math.max(most, shareDone([...layers.values()]));
    onProgress(most);
  };
}

function shareDone(layers: readonly { total: number; completed: number }[]): number {
  const sum = (field: 'total' | 'completed'): number =>
    layers.reduce((total, layer) => total + layer[field], 0);
  return sum('completed') / sum('total');
}
