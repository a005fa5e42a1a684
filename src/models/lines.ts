import { z } from 'zod';
import { LimnerError } from '../errors.ts';
import { errorSaid, withoutKey } from './failures.ts';
import type { Watcher } from './request.ts';

/** What the lines of every stream of Ollama's share: a pull ends with a status, a chat with `done`. */
const Line = z.object({
  error: z.string().optional(),
  done: z.boolean().optional(),
  status: z.string().optional(),
});

/**
 * Checks the lines of a streamed answer. The `ollama` package drops a line that is not JSON, which would leave a hole in
 * an answer, and throws away the kind of an error line; so both end the stream here. `onLine` is called as lines come.
 */
export function checkLines(onLine: () => void, authorization?: string): Watcher {
  let finished = false;
  let rest = '';
  const decoder = new TextDecoder();
  const check = (text: string): void => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) finished = isLast(line, authorization) || finished;
    if (lines.length > 0) onLine();
  };
  return {
    onBytes: (bytes) => check(decoder.decode(bytes, { stream: true })),
    onEnd: () => {
      check(`${decoder.decode()}\n`);
      if (!finished) throw new LimnerError('model_answer', 'Ollama stopped in the middle of its answer.');
    },
  };
}

function isLast(text: string, authorization: string | undefined): boolean {
  if (text.trim() === '') return false;
  const line = Line.parse(JSON.parse(text));
  if (line.error !== undefined) throw errorSaid(withoutKey(line.error, authorization));
  return line.done === true || line.status === 'success';
}
