/** What every such text begins with in mind, so that short ones are small too ([MS-OXRTFCP] 2.1.2.1). */
const KNOWN =
  '{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript ' +
  '\\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par ' +
  '\\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx';
const WINDOW = 4096;
const HEAD_BYTES = 16;
const PACKED = 0x75465a4c;
const PLAIN = 0x414c454d;

/** RTF as Outlook packs it into messages ([MS-OXRTFCP]); what of damaged bytes can be unpacked. No more than `most` bytes. */
export function unpackRtf(data: Buffer, most: number): Buffer {
  if (data.length < HEAD_BYTES) return Buffer.alloc(0);
  const sort = data.readUInt32LE(8);
  if (sort === PLAIN) return data.subarray(HEAD_BYTES);
  if (sort !== PACKED) return Buffer.alloc(0);
  const out = Buffer.alloc(Math.min(data.readUInt32LE(4), most));
  const window = Buffer.alloc(WINDOW);
  window.write(KNOWN, 'latin1');
  let [at, place, written] = [HEAD_BYTES, KNOWN.length, 0];
  const put = (byte: number): void => {
    out[written] = byte;
    window[place] = byte;
    written += 1;
    place = (place + 1) % WINDOW;
  };
  while (at < data.length && written < out.length) {
    const control = data[at++] ?? 0;
    for (let bit = 0; bit < 8 && at < data.length && written < out.length; bit += 1) {
      if ((control & (1 << bit)) === 0) {
        put(data[at++] ?? 0);
        continue;
      }
      if (at + 2 > data.length) return out.subarray(0, written);
      const pair = data.readUInt16BE(at);
      at += 2;
      const from = pair >> 4;
      if (from === place) return out.subarray(0, written);
      for (let step = 0; step < (pair & 15) + 2 && written < out.length; step += 1)
        put(window[(from + step) % WINDOW] ?? 0);
    }
  }
  return out.subarray(0, written);
}
