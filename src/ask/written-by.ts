import type { ChatPart } from '../models/model-server.ts';

/** The whole text of an answer, without what the model thought. */
export async function writtenBy(parts: AsyncIterable<ChatPart>): Promise<string> {
  let text = '';
  for await (const part of parts) text += part.text;
  return text;
}
