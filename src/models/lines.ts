import { z } from 'zod';
import { LimnerError } from '../errors.ts';
import { errorSaid, withoutKey } from './failures.ts';

/** What the lines of every stream of Ollama's share: a pull ends with a status, a chat with `done`. */
const Line = z.object({
  error: z.string().optional(),
  done: z.boolean().optional(),
  status: z.string().optional(),
});

/** Ten thousand words or so, in the lines that they come in. */
const AHEAD_BYTES = 1024 * 1024;

/**
 * Passes the lines of a streamed answer on, checked. The `ollama` package drops a line that is not JSON, which
 * would leave a hole in an answer, and throws away the kind of an error line; so both end the stream here.
 * `onLine` is called as each line comes.
 */
export function checkedLines(
  body: ReadableStream<Uint8Array>,
  onLine: () => void,
  authorization?: string,
): ReadableStream<Uint8Array> {
  let finished = false;
  let rest = '';
  const decoder = new TextDecoder();
  const check = (text: string): void => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) finished = isLast(line, authorization) || finished;
    if (lines.length > 0) onLine();
  };
  const transformer: Transformer<Uint8Array, Uint8Array> = {
    transform: (bytes, out) => {
      check(decoder.decode(bytes, { stream: true }));
      out.enqueue(bytes);
    },
    flush: () => {
      check(`${decoder.decode()}\n`);
      if (!finished) throw new LimnerError('model_answer', 'Ollama stopped in the middle of its answer.');
    },
  };
  // A reader who is slow must not look like a server who is: this much is read ahead of one, and then the server waits.
  const ahead = new ByteLengthQueuingStrategy({ highWaterMark: AHEAD_BYTES });
  return body.pipeThrough(new TransformStream(transformer, undefined, ahead));
}

function isLast(text: string, authorization: string | undefined): boolean {
  if (text.trim() === '') return false;
  const line = Line.parse(JSON.parse(text));
  if (line.error !== undefined) throw errorSaid(withoutKey(line.error, authorization));
  return line.done === true || line.status === 'success';
}
