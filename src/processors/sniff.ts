import { LimnerError } from '../errors.ts';
import { readBytes } from './bytes.ts';
import { isReadable, markedText, wideCharset } from './charset.ts';
import { iwaObjects } from './iwa.ts';
import { KIND } from './iwa-text.ts';
import { PACKED } from './iwork.ts';
import { isOlderIwork } from './iwork-09.ts';
import type { Limits } from './limits.ts';
import { OLE_MAGIC, readOleNames } from './ole.ts';
import { openArchive, type Archive } from './zip.ts';

/** What a file is by its content. */
export interface Sniffed {
  /** `empty`, `encrypted`, the kind of a processor, or another short word. */
  kind: string;
  /** What a person calls it, with its article: "a PNG image". */
  label: string;
}

const HEAD_BYTES = 64 * 1024;

/** The PDF reference lets the mark stand anywhere in the first 1024 bytes. */
const PDF_MARK_WITHIN = 1024;

/**
 * Tells the kind of a file from its bytes alone. Throws LimnerError `corrupt` for a damaged ZIP container.
 */
export async function sniff(path: string, limits: Limits): Promise<Sniffed> {
  const head = await readBytes(path, HEAD_BYTES);
  if (head.length === 0) return { kind: 'empty', label: 'an empty file' };
  if (isPdf(head)) return { kind: 'pdf', label: 'a PDF' };
  const magic = head.toString('hex', 0, 8);
  if (magic.startsWith('504b0304') || magic.startsWith('504b0506')) return sniffArchive(path, limits);
  if (magic === OLE_MAGIC) return sniffOle(await readOleNames(path));
  if (head.toString('latin1', 0, 5) === '{\\rtf') return { kind: 'rtf', label: 'an RTF document' };
  if (magic.startsWith('789f3e22')) return { kind: 'tnef', label: 'an Outlook attachment (winmail.dat)' };
  // Its tags may lie anywhere in the file, so that nothing else tells it from a text in the first bytes.
  if (magic.startsWith('49492a00') || magic.startsWith('4d4d002a'))
    return { kind: 'tif', label: 'a TIFF image' };
  if (OLD_SHEETS.some((start) => magic.startsWith(start)))
    return { kind: 'xls', label: 'an old Excel workbook (.xls)' };
  if (isDatabase(head)) return { kind: 'dbf', label: 'a dBASE table' };
  if (isText(head)) return sniffText(head);
  return (await sniffMagic(head)) ?? sniffRest(head);
}

/** The first rule that fits decides. */
const ARCHIVES: readonly [part: string, Sniffed][] = [
  ['word/', { kind: 'docx', label: 'a Word document' }],
  ['ppt/', { kind: 'pptx', label: 'a PowerPoint presentation' }],
  ['xl/', { kind: 'xlsx', label: 'an Excel workbook' }],
  ['META-INF/container.xml', { kind: 'epub', label: 'an EPUB book' }],
];

/** What the first bytes of an OpenDocument container's stored `mimetype` say (ODF 1.3, part 2, 3.3). */
const OPEN_DOCUMENTS: readonly [type: string, Sniffed][] = [
  ['text', { kind: 'odt', label: 'an OpenDocument text' }],
  ['spreadsheet', { kind: 'ods', label: 'an OpenDocument spreadsheet' }],
  ['presentation', { kind: 'odp', label: 'an OpenDocument presentation' }],
];

/** A worksheet or workbook of Excel 2 to 4 begins with such a record, without a container ([MS-XLS] 2.4.21). */
const OLD_SHEETS = ['09000400', '09020600', '09040600'];

async function sniffArchive(path: string, limits: Limits): Promise<Sniffed> {
  // What is too much for an Office file is found when it is read as one.
  const archive = await openArchive(path, limits);
  const { names } = archive;
  try {
    const office = names.includes('[Content_Types].xml') || names.includes('META-INF/container.xml');
    const rule = office && ARCHIVES.find(([part]) => names.some((name) => name.startsWith(part)));
    if (rule) return rule[1];
    if (names.includes(IWORK)) return await sniffIwork(archive);
    if (names.some((name) => PACKED.test(name))) return { kind: 'iwork-folder', label: 'an iWork document' };
    if (isOlderIwork(names)) return { kind: 'iwork-09', label: 'an iWork document of 2009' };
    if (names.includes('content.xml')) return sniffOpenDocument(await archive.read('mimetype'));
    return { kind: 'zip', label: 'a ZIP archive' };
  } finally {
    archive.close();
  }
}

const IWORK = 'Index/Document.iwa';

/** Keynote has parts for its slides; the first object of a text is of a kind of its own. */
async function sniffIwork({ names, read }: Archive): Promise<Sniffed> {
  if (names.some((name) => /^Index\/(?:Master|Template)?Slide/.test(name)))
    return { kind: 'key', label: 'a Keynote presentation' };
  const [first] = iwaObjects((await read(IWORK)) ?? Buffer.alloc(0), { bytes: HEAD_BYTES });
  return first?.type === KIND.pagesDocument
    ? { kind: 'pages', label: 'a Pages document' }
    : { kind: 'numbers', label: 'a Numbers spreadsheet' };
}

function sniffOpenDocument(mimetype: Buffer | undefined): Sniffed {
  const type = mimetype?.toString('latin1') ?? '';
  const rule = OPEN_DOCUMENTS.find(([name]) => type.startsWith(`application/vnd.oasis.opendocument.${name}`));
  return rule?.[1] ?? { kind: 'odf', label: 'an OpenDocument file' };
}

const OLE_FILES: readonly [name: string, Sniffed][] = [
  ['EncryptedPackage', { kind: 'encrypted', label: 'a password-protected Office document' }],
  ['__properties_version1.0', { kind: 'msg', label: 'an Outlook message' }],
  ['WordDocument', { kind: 'doc', label: 'an old Word document (.doc)' }],
  ['PowerPoint Document', { kind: 'ppt', label: 'an old PowerPoint presentation (.ppt)' }],
  ['Workbook', { kind: 'xls', label: 'an old Excel workbook (.xls)' }],
  ['Book', { kind: 'xls', label: 'an old Excel workbook (.xls)' }],
];

function sniffOle(names: readonly string[]): Sniffed {
  if (names.length === 0) {
    const message = 'The file is damaged or was cut short; copy it here again from where it came from.';
    throw new LimnerError('corrupt', message);
  }
  // Names are compared without regard to case ([MS-CFB] 2.6.4).
  const lower = new Set(names.map((name) => name.toLowerCase()));
  const rule = OLE_FILES.find(([name]) => lower.has(name.toLowerCase()));
  return rule?.[1] ?? { kind: 'ole', label: 'an old Office or Windows file' };
}

/** The first byte of each version of dBASE, FoxBASE and FoxPro. */
const DATABASES = new Set([0x02, 0x03, 0x30, 0x31, 0x32, 0x43, 0x63, 0x83, 0x8b, 0x8e, 0xcb, 0xf5, 0xfb]);

/** A date, and a head of fields of 32 bytes each with a line end behind them. */
function isDatabase(head: Buffer): boolean {
  if (head.length < 65 || !DATABASES.has(head[0] ?? 0)) return false;
  const [month = 0, day = 0] = [head[2], head[3]];
  if (month > 12 || day > 31 || head.readUInt16LE(10) < 2) return false;
  const end = head.readUInt16LE(8);
  for (let at = 64; at < Math.min(end, head.length); at += 32) if (head[at] === 0x0d) return true;
  return false;
}

/** A mark further down counts in binary files only: a text may talk about PDF. */
function isPdf(head: Buffer): boolean {
  const mark = head.subarray(0, PDF_MARK_WITHIN).indexOf('%PDF-');
  return mark !== -1 && (mark < 16 || !isText(head));
}

/** Text in UTF-8, or in what a byte order mark names. */
function isText(head: Buffer): boolean {
  return isReadable(markedText(head));
}

function sniffText(head: Buffer): Sniffed {
  const start = markedText(head.subarray(0, 4096))
    .slice(0, 1024)
    .replace('\uFEFF', '')
    .trimStart()
    .toLowerCase();
  const isPage = start.startsWith('<!doctype html') || start.startsWith('<html');
  if (isPage) return { kind: 'html', label: 'an HTML page' };
  if (start.startsWith('<?xml') && start.includes(SHEETS_2003))
    return { kind: 'xls', label: 'an Excel workbook of XML (2003)' };
  if (start.startsWith('<?xml')) return { kind: 'xml', label: 'an XML file' };
  return isMail(start)
    ? { kind: 'mail', label: 'an e-mail message' }
    : { kind: 'text', label: 'a text file' };
}

/** The namespace of workbooks that Excel 2002 and 2003 saved as XML. */
const SHEETS_2003 = 'urn:schemas-microsoft-com:office:spreadsheet';

const MAIL_START =
  /^(received|return-path|delivered-to|from|to|date|subject|message-id|mime-version|x-[a-z-]{2,30}|content-type):\s/;

/** Two header lines of a message at the start (RFC 5322), one of them such as only a message has. */
function isMail(start: string): boolean {
  const headers = start.split(/\r?\n/, 12).filter((line) => MAIL_START.test(line));
  return MAIL_START.test(start) && headers.length > 2;
}

/** Sorts of files whose label names the sort; others are named by their extension alone. */
const SORTS: Readonly<Record<string, string>> = {
  image: ' image',
  audio: ' sound file',
  video: ' video',
  font: ' font',
};

async function sniffMagic(head: Buffer): Promise<Sniffed | undefined> {
  const { fileTypeFromBuffer } = await import('file-type');
  const type = await fileTypeFromBuffer(head);
  if (!type) return undefined;
  const sort = SORTS[type.mime.split('/')[0] ?? ''] ?? ' file';
  const name = type.ext.toUpperCase();
  return { kind: type.ext, label: `${'AEFHILMNORSX'.includes(name.charAt(0)) ? 'an' : 'a'} ${name}${sort}` };
}

/** Text in an encoding other than UTF-8, or nothing that is known. */
function sniffRest(head: Buffer): Sniffed {
  const isText = wideCharset(head) !== undefined || isReadable(head.toString('latin1'));
  return isText
    ? { kind: 'text', label: 'a text file' }
    : { kind: 'unknown', label: 'a file of an unknown kind' };
}
