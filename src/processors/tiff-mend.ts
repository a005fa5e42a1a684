/** Bytes of a value by its type (TIFF 6.0, section 2; 13 is that of its first supplement). */
const TYPE_BYTES = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4];
const ENTRY_BYTES = 12;
/** Fields that lead to directories beside the pages: previews, and what cameras wrote, which others read. */
const ASIDE = new Set([330, 34_665, 34_853, 37_500, 50_740, 61_440]);
/** A field that means nothing. */
const NO_FIELD = 65_535;

/**
 * A copy of a TIFF whose decoder comes to an end: fields that say more values than the file has room for are emptied,
 * and a chain of pages that turns in a circle is cut.
 */
export function mendTiff(bytes: Buffer): Buffer {
  const mended = Buffer.from(bytes);
  const order = mended.toString('latin1', 0, 2) === 'MM' ? BIG : LITTLE;
  const seen = new Set<number>();
  for (let link = 4; link + 4 <= mended.length;) {
    const at = order.long(mended, link);
    if (at === 0 || seen.has(at) || at + 2 > mended.length) {
      mended.writeUInt32LE(0, link);
      break;
    }
    seen.add(at);
    const end = at + 2 + order.short(mended, at) * ENTRY_BYTES;
    for (let entry = at + 2; entry + ENTRY_BYTES <= Math.min(end, mended.length); entry += ENTRY_BYTES)
      mendEntry(mended, entry, order);
    link = end;
  }
  return mended;
}

interface Order {
  short(bytes: Buffer, at: number): number;
  long(bytes: Buffer, at: number): number;
}

const BIG: Order = {
  short: (bytes, at) => bytes.readUInt16BE(at),
  long: (bytes, at) => bytes.readUInt32BE(at),
};
const LITTLE: Order = {
  short: (bytes, at) => bytes.readUInt16LE(at),
  long: (bytes, at) => bytes.readUInt32LE(at),
};

function mendEntry(bytes: Buffer, at: number, { short, long }: Order): void {
  const size = (TYPE_BYTES[short(bytes, at + 2)] ?? 0) * long(bytes, at + 4);
  const fits = size <= 4 || long(bytes, at + 8) + size <= bytes.length;
  if (fits && !ASIDE.has(short(bytes, at))) return;
  bytes.writeUInt16LE(NO_FIELD, at);
  bytes.writeUInt32LE(0, at + 4);
}
