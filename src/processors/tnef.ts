import { readFile } from 'node:fs/promises';
import iconv from 'iconv-lite';
import type { SourceFile } from '../document.ts';
import type { Limits } from './limits.ts';
import { messageLines, personInWords } from './mail-head.ts';
import { htmlLines } from './mail-message.ts';
import type { Member, Part, Processor } from './processor.ts';
import { unpackRtf } from './rtf-unpack.ts';
import { createSectioner } from './sectioner.ts';

/** What Outlook puts into `winmail.dat`, so that other mail programs show neither text nor attachments ([MS-OXTNEF]). */
export const tnef: Processor = {
  name: 'tnef',
  version: 2,
  kinds: ['tnef'],
  label: 'an Outlook attachment (winmail.dat)',
  extensions: [],
  holdsFiles: true,
  read,
};

/** Attributes, with their sort in the upper half. */
const BODY = 0x2800c;
const CODE_PAGE = 0x69007;
const PROPERTIES = 0x69003;
const SUBJECT = 0x18004;
const OPENS_FILE = 0x69002;
const FILE_NAME = 0x18010;
const FILE_DATA = 0x6800f;
const FILE_PROPERTIES = 0x69005;

/** Properties ([MS-OXPROPS]). */
const TITLE = 0x37;
const TEXT = 0x1000;
const RTF = 0x1009;
const HTML = 0x1013;
const SENDER = 0xc1a;
const SENDER_ADDRESS = 0xc1f;
const SHOWN_TO = 0xe04;
const SHOWN_CC = 0xe03;
const LONG_NAME = 0x3707;
const FILE_OBJECT = 0x3701;

async function* read(file: SourceFile, limits: Limits): AsyncGenerator<Part> {
  const message = readAttributes(await readFile(file.path));
  const { properties, decode } = message;
  const said = (id: number): string => decode(properties.get(id)).trim();
  const subject = said(TITLE) || message.subject.trim();
  const head = [
    ['From', personInWords(said(SENDER), said(SENDER_ADDRESS))],
    ['To', said(SHOWN_TO)],
    ['Cc', said(SHOWN_CC)],
    ['Subject', subject],
  ] as const;
  const text = said(TEXT) || message.body.trim();
  const lines = text === '' ? htmlLines(said(HTML)) : text.split(/\r?\n/);
  const sectioner = createSectioner();
  for (const line of messageLines(head, lines)) sectioner.add({ text: line });
  yield { sections: sectioner.finish(), ...(subject && { title: subject }) };
  const rtf = properties.get(RTF);
  if (lines.length === 0 && rtf)
    yield { members: [{ name: 'message.rtf', bytes: unpackRtf(rtf.bytes, limits.archiveEntryBytes) }] };
  for (const member of message.files) yield { members: [member] };
}

interface Value {
  bytes: Buffer;
  isWide: boolean;
}
type Properties = Map<number, Value>;

interface Message {
  subject: string;
  body: string;
  properties: Properties;
  files: Member[];
  decode: (value: Value | undefined) => string;
}

/** Level, name, length, bytes and a checksum each; a file that was cut short is given as far as it goes. */
function readAttributes(data: Buffer): Message {
  const found: Message = { subject: '', body: '', properties: new Map(), files: [], decode };
  let charset = 'windows-1252';
  function decode(value: Value | undefined): string {
    if (!value) return '';
    const text = value.isWide ? value.bytes.toString('utf16le') : iconv.decode(value.bytes, charset);
    return text.replace(/\0+$/, '');
  }
  const narrow = (bytes: Buffer): string => decode({ bytes, isWide: false });
  for (let at = 6; at + 9 <= data.length;) {
    const [id, length] = [data.readUInt32LE(at + 1), data.readUInt32LE(at + 5)];
    const bytes = data.subarray(at + 9, at + 9 + length);
    at += 11 + length;
    const file = found.files.at(-1);
    if (id === CODE_PAGE && bytes.length >= 4) charset = charsetOf(bytes.readUInt32LE());
    if (id === SUBJECT) found.subject = narrow(bytes);
    if (id === BODY) found.body = narrow(bytes);
    if (id === PROPERTIES) found.properties = readProperties(bytes);
    if (id === OPENS_FILE)
      found.files.push({ name: `attachment-${found.files.length + 1}`, bytes: Buffer.alloc(0) });
    if (id === FILE_NAME && file) file.name = narrow(bytes) || file.name;
    if (id === FILE_DATA && file) file.bytes = bytes;
    if (id === FILE_PROPERTIES && file) nameFile(file, readProperties(bytes), decode);
  }
  found.files = found.files.filter(({ bytes }) => bytes.length > 0);
  return found;
}

function charsetOf(codePage: number): string {
  return iconv.encodingExists(`cp${codePage}`) ? `cp${codePage}` : 'windows-1252';
}

/** Its whole name, and a message that was attached, behind the name of its interface. */
function nameFile(file: Member, properties: Properties, decode: Message['decode']): void {
  file.name = decode(properties.get(LONG_NAME)) || file.name;
  const object = properties.get(FILE_OBJECT)?.bytes;
  if (file.bytes.length === 0 && object && object.length > 16) file.bytes = object.subarray(16);
}

const WIDE = 0x1f;
/** Sorts of values that tell their own length, and the length of others in bytes. */
const COUNTED = new Set([0x0d, 0x1e, WIDE, 0x102]);
const EIGHT = new Set([0x05, 0x06, 0x07, 0x14, 0x40]);
const MANY = 0x1000;
const NAMED = 0x8000;
const MOST_VALUES = 10_000;

/** Properties of MAPI, of which the last value counts; ends at the first one that leads out of `data`. */
function readProperties(data: Buffer): Properties {
  const properties: Properties = new Map();
  let at = 4;
  while (at + 8 <= data.length) {
    const [sort, id] = [data.readUInt16LE(at), data.readUInt16LE(at + 2)];
    at += 4;
    if (id >= NAMED) at = behindName(data, at);
    const isCounted = COUNTED.has(sort & ~MANY);
    if (at + 4 > data.length) break;
    const isList = isCounted || (sort & MANY) !== 0;
    const count = isList ? data.readUInt32LE(at) : 1;
    if (isList) at += 4;
    if (count > MOST_VALUES) break;
    for (let value = 0; value < count && at + 4 <= data.length; value += 1) {
      const length = isCounted ? data.readUInt32LE(at) : lengthOf(sort & ~MANY);
      if (isCounted) at += 4;
      properties.set(id, { bytes: data.subarray(at, at + length), isWide: (sort & ~MANY) === WIDE });
      at += padded(length);
    }
  }
  return properties;
}

/** A property that programs made up says whose it is, and a number or a name. */
function behindName(data: Buffer, at: number): number {
  if (at + 24 > data.length) return data.length;
  const isNumber = data.readUInt32LE(at + 16) === 0;
  return at + 24 + (isNumber ? 0 : padded(data.readUInt32LE(at + 20)));
}

function lengthOf(sort: number): number {
  return sort === 0x48 ? 16 : EIGHT.has(sort) ? 8 : 4;
}

function padded(length: number): number {
  return Math.ceil(length / 4) * 4;
}
