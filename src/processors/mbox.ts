import { createReadStream } from 'node:fs';
import type { SourceFile } from '../document.ts';
import type { Part, Processor } from './processor.ts';

/** Mailboxes: each message in them is read as a document of its own. */
export const mbox: Processor = {
  name: 'mbox',
  version: 1,
  kinds: ['mbox'],
  label: 'a mailbox',
  extensions: ['mbox', 'mbx'],
  holdsFiles: true,
  read,
};

const START = Buffer.from('\nFrom ');

/** Messages begin at lines that start with "From " (RFC 4155). */
async function* read(file: SourceFile): AsyncGenerator<Part> {
  let held = Buffer.from('\n');
  let number = 0;
  for await (const chunk of createReadStream(file.path, { highWaterMark: 1024 * 1024 })) {
    if (!Buffer.isBuffer(chunk)) continue;
    const from = Math.max(1, held.length - START.length);
    held = Buffer.concat([held, chunk]);
    for (let at = held.indexOf(START, from); at !== -1; at = held.indexOf(START, 1)) {
      yield toPart(held.subarray(0, at), (number += 1));
      held = held.subarray(at);
    }
  }
  yield toPart(held, (number += 1));
}

/** Without the separating line, and with lines that were quoted as ">From ". */
function toPart(message: Buffer, number: number): Part {
  const start = message.indexOf('\n', 1) + 1;
  const text = message.toString('latin1', start).replaceAll(/^>(>{0,9}From )/gm, '$1');
  return text.trim() === ''
    ? {}
    : { members: [{ name: `message-${number}.eml`, bytes: Buffer.from(text, 'latin1') }] };
}
