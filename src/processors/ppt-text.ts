/** Records of a PowerPoint 97 file that hold others, and that hold text ([MS-PPT] 2.13.24). */
/** Masters, notes pages (the main reader gives notes) and handouts show what they are, or what is said elsewhere. */
const PASSED_OVER: ReadonlySet<number> = new Set([1016, 1008, 4041]);
const SLIDE_LIST = 4080;
/** The list of slides; the others are of masters and notes. */
const OF_SLIDES = 0;
const TEXT_WIDE = 4000;
const TEXT_NARROW = 4008;
const STRING = 4026;
/** Strings of these containers are shown; others name fonts, programs and controls. */
const HEADERS_FOOTERS = 4057;
const HEADER_BYTES = 8;
const MAX_DEPTH = 32;

/**
 * The texts of a "PowerPoint Document" stream in the order they are stored, without those of masters: paragraphs,
 * headers and footers. Records that say more than there is end the walk of their container.
 */
export function readPptText(stream: Buffer): string[] {
  const found: string[] = [];
  walk(stream, 0, found, 0);
  return found
    .flatMap((text) => text.split(/[\r\v\n]/))
    .map((line) => line.trim())
    .filter((line) => /[\p{L}\p{N}]/u.test(line));
}

function isShown(type: number, instance: number): boolean {
  return !PASSED_OVER.has(type) && (type !== SLIDE_LIST || instance === OF_SLIDES);
}

function walk(data: Buffer, container: number, found: string[], depth: number): void {
  for (let at = 0; at + HEADER_BYTES <= data.length;) {
    const isContainer = (data.readUInt8(at) & 0x0f) === 0x0f;
    const type = data.readUInt16LE(at + 2);
    const end = at + HEADER_BYTES + data.readUInt32LE(at + 4);
    if (end > data.length) return;
    const body = data.subarray(at + HEADER_BYTES, end);
    if (isContainer && isShown(type, data.readUInt16LE(at) >> 4) && depth < MAX_DEPTH)
      walk(body, type, found, depth + 1);
    else if (type === TEXT_WIDE || (type === STRING && container === HEADERS_FOOTERS))
      found.push(body.toString('utf16le'));
    else if (type === TEXT_NARROW) found.push(body.toString('latin1'));
    at = end;
  }
}
