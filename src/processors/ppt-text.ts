/** Records of a PowerPoint 97 file that hold others, and that hold text ([MS-PPT] 2.13.24). */
/** Notes pages (the main reader gives notes) and handouts show what is said elsewhere. */
const PASSED_OVER: ReadonlySet<number> = new Set([1008, 4041]);
const MASTER = 1016;
/** A shape, and what says that it waits for text of slides: its own text tells how to write there. */
const SHAPE = 0xf004;
const PLACEHOLDER = 3011;
/** Records that other programs may pass over, which hold others all the same; what people say of a slide is among them. */
const TAG_DATA = 5003;
const COMMENT = 12000;
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
    const type = data.readUInt16LE(at + 2);
    const isContainer = (data.readUInt8(at) & 0x0f) === 0x0f || type === TAG_DATA;
    const end = at + HEADER_BYTES + data.readUInt32LE(at + 4);
    if (end > data.length) return;
    const body = data.subarray(at + HEADER_BYTES, end);
    if (type === COMMENT) found.push(commentLine(body));
    else if (type === MASTER) found.push(...masterTexts(body));
    else if (isContainer && isShown(type, data.readUInt16LE(at) >> 4) && depth < MAX_DEPTH)
      walk(body, type, found, depth + 1);
    else if (type === TEXT_WIDE || (type === STRING && container === HEADERS_FOOTERS))
      found.push(body.toString('utf16le'));
    else if (type === TEXT_NARROW) found.push(body.toString('latin1'));
    at = end;
  }
}

/** Of a master only what it shows on every slide. */
function masterTexts(master: Buffer): string[] {
  const found: string[] = [];
  for (const shape of recordsIn(master, SHAPE, 0))
    if (recordsIn(shape, PLACEHOLDER, 0).next().done) walk(shape, SHAPE, found, 1);
  return found;
}

/** The bodies of all records of a type, however deep they lie. */
export function* recordsIn(data: Buffer, wanted: number, depth: number): Generator<Buffer> {
  for (let at = 0; at + HEADER_BYTES <= data.length;) {
    const type = data.readUInt16LE(at + 2);
    const end = at + HEADER_BYTES + data.readUInt32LE(at + 4);
    if (end > data.length) return;
    const body = data.subarray(at + HEADER_BYTES, end);
    if (type === wanted) yield body;
    else if ((data.readUInt8(at) & 0x0f) === 0x0f && depth < MAX_DEPTH)
      yield* recordsIn(body, wanted, depth + 1);
    at = end;
  }
}

/** Its strings are who says it and what ([MS-PPT] 2.5.19); the third one is the name in short. */
function commentLine(comment: Buffer): string {
  const [author = '', said = ''] = [...recordsIn(comment, STRING, 0)].map((text) => text.toString('utf16le'));
  return said.trim() === '' ? '' : `Comment${author && ` by ${author}`}: ${said.replaceAll(/\s+/g, ' ')}`;
}
