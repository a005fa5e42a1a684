import type { Patch } from './blank.ts';

const EXTENSION = 0x21;
const IMAGE = 0x2c;
const COMMENT = 0xfe;
const APPLICATION = 0xff;
const PLAIN_TEXT = 0x01;
/** Of applications, those that say how the picture is shown: how often it moves, and its colours. */
const SHOWN: ReadonlySet<string> = new Set(['NETSCAPE2.0', 'ANIMEXTS1.0', 'ICCRGBG1012']);
const WINDOW = 65_536;

/** GIF (89a): comments, text and what applications wrote become a comment of zeros; so does what stands behind the end. */
export async function blankGif(patch: Patch): Promise<void> {
  const read = createReader(patch);
  const head = await patch.read(0, 13);
  if (head.length < 13 || !head.toString('latin1', 0, 6).startsWith('GIF8')) return;
  for (let at = 13 + tableSize(head.readUInt8(10)); ;) {
    const kind = await read(at);
    if (kind === EXTENSION) at = await passExtension(patch, read, at);
    else if (kind === IMAGE) at = await endOf(read, at + 11 + tableSize((await read(at + 9)) ?? 0));
    else return kind === undefined ? undefined : patch.clear(at + 1, patch.size - at - 1);
  }
}

type Read = (at: number) => Promise<number | undefined>;

async function passExtension(patch: Patch, read: Read, at: number): Promise<number> {
  const label = await read(at + 1);
  const end = Math.min(patch.size, await endOf(read, at + 2));
  const isShown = label === APPLICATION && SHOWN.has((await patch.read(at + 3, 11)).toString('latin1'));
  const holdsWords = label === COMMENT || label === APPLICATION || label === PLAIN_TEXT;
  if (holdsWords && !isShown) await blankComment(patch, at, end);
  return end;
}

/** A comment of zeros of the same length: XMP would otherwise be parts whose lengths are its letters. */
async function blankComment(patch: Patch, at: number, end: number): Promise<void> {
  await patch.clear(at + 2, end - at - 2);
  await patch.write(at + 1, Buffer.of(COMMENT));
  for (let part = at + 2; part < end - 1;) {
    const left = end - 1 - part;
    // A part holds a byte at least, so that none of a length of its own alone may be left.
    const size = left === 257 ? 255 : Math.min(256, left);
    await patch.write(part, Buffer.of(size - 1));
    part += size;
  }
}

/** Behind the parts that begin at `at`: each says how long it is, and one of no length ends them. */
async function endOf(read: Read, at: number): Promise<number> {
  for (let part = at; ;) {
    const length = await read(part);
    if (length === undefined) return part;
    part += 1 + length;
    if (length === 0) return part;
  }
}

/** Colours are three bytes each; the lowest bits say how many there are. */
function tableSize(packed: number): number {
  return packed & 0x80 ? 3 * 2 ** ((packed & 7) + 1) : 0;
}

/** Single bytes, read many at once; undefined behind the end. What was changed is not read again. */
function createReader(patch: Patch): Read {
  let from = 0;
  let window: Buffer = Buffer.alloc(0);
  return async (at) => {
    if (at < from || at >= from + window.length) {
      from = at;
      window = await patch.read(at, WINDOW);
    }
    return window[at - from];
  };
}
