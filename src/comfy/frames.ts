import { z } from 'zod';
import { parseLooseJson } from './loose-json.ts';

/** What a frame of the WebSocket says; `promptId` is absent where the server did not name one. */
export type Frame =
  | { kind: 'message'; type: string; promptId: string | undefined; data: Record<string, unknown> }
  | { kind: 'preview'; promptId: string | undefined; type: string; bytes: Buffer }
  | { kind: 'text'; nodeId: string; text: string }
  | { kind: 'unreadable' };

const Envelope = z.looseObject({ type: z.string(), data: z.record(z.string(), z.unknown()).default({}) });
const PreviewMeta = z.looseObject({
  prompt_id: z.string().optional(),
  image_type: z.string().default('image/jpeg'),
});

/** Reads a text frame; anything unknown or broken is `unreadable`, since custom nodes send what they like. */
export function readTextFrame(text: string): Frame {
  const parsed = Envelope.safeParse(parseOrNothing(text));
  if (!parsed.success) return { kind: 'unreadable' };
  const { type, data } = parsed.data;
  const promptId = typeof data['prompt_id'] === 'string' ? data['prompt_id'] : undefined;
  return { kind: 'message', type, promptId, data };
}

/** Reads a binary frame: big-endian, the first word is the kind (1 preview, 3 text, 4 preview with JSON). */
export function readBinaryFrame(frame: Buffer): Frame {
  if (frame.length < 8) return { kind: 'unreadable' };
  const kind = frame.readUInt32BE(0);
  const second = frame.readUInt32BE(4);
  const rest = frame.subarray(8);
  if (kind === 1) {
    const type = second === 2 ? 'image/png' : 'image/jpeg';
    return { kind: 'preview', promptId: undefined, type, bytes: rest };
  }
  if (second > rest.length) return { kind: 'unreadable' };
  const head = rest.subarray(0, second).toString('utf8');
  const tail = rest.subarray(second);
  if (kind === 3) return { kind: 'text', nodeId: head, text: tail.toString('utf8') };
  const meta = kind === 4 ? PreviewMeta.safeParse(parseOrNothing(head)) : undefined;
  if (!meta?.success) return { kind: 'unreadable' };
  return { kind: 'preview', promptId: meta.data.prompt_id, type: meta.data.image_type, bytes: tail };
}

function parseOrNothing(text: string): unknown {
  try {
    return parseLooseJson(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
