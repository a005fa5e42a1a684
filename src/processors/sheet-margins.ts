import { decodeEntities } from './xml-text.ts';
import type { Archive } from './zip.ts';

/** BrtBeginHeaderFooter ([MS-XLSB] 2.4.83): a flag word and six texts that may be missing. */
const HEADER_FOOTER = 479;
const MISSING = 0xffffffff;

/** The distinct page headers and footers of the sheets of a workbook in a ZIP container. */
export async function sheetMargins(archive: Archive): Promise<string[]> {
  const found = new Set<string>();
  for (const name of archive.names) {
    if (!/^xl\/(?:work|chart)sheets\/[^/]{1,60}\.(?:xml|bin)$/.test(name)) continue;
    const bytes = await archive.read(name);
    const texts = name.endsWith('.xml')
      ? inXml(bytes?.toString('utf8') ?? '')
      : inBinary(bytes ?? Buffer.alloc(0));
    for (const text of texts) for (const line of marginLines(text)) found.add(line);
  }
  return [...found];
}

function inXml(source: string): string[] {
  const start = source.lastIndexOf('<headerFooter');
  if (start === -1) return [];
  const found = source.slice(start).matchAll(/<(?:odd|even|first)(?:Header|Footer)[^>]*>([^<]*)</g);
  return [...found].map(([, text]) => decodeEntities(text ?? ''));
}

/** Records have a number of one or two bytes, a length of one to four, and that many bytes ([MS-XLSB] 2.1.4). */
function inBinary(data: Buffer): string[] {
  for (let at = 0; at < data.length;) {
    const low = data[at++] ?? 0;
    const type = low & 0x80 ? (low & 0x7f) | ((data[at++] ?? 0) << 7) : low;
    let length = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = data[at++] ?? 0;
      length |= (byte & 0x7f) << shift;
      if ((byte & 0x80) === 0) break;
    }
    if (type === HEADER_FOOTER) return wideTexts(data.subarray(at + 2, at + length));
    at += length;
  }
  return [];
}

function wideTexts(data: Buffer): string[] {
  const texts: string[] = [];
  for (let at = 0; at + 4 <= data.length;) {
    const count = data.readUInt32LE(at);
    at += 4;
    if (count === MISSING) continue;
    texts.push(data.toString('utf16le', at, at + 2 * count));
    at += 2 * count;
  }
  return texts;
}

/** Left, middle and right of a header or footer without the codes for fonts, numbers and dates (18.3.1.39). */
export function marginLines(text: string): string[] {
  return text
    .split(/&[LCR]/)
    .filter((part) => !isPageNumber(part))
    .map((part) =>
      part
        .replaceAll(/&(?:"[^"]*"|K[0-9A-F]{6}|K\d\d[+-]\d{3}|\d{1,3}|[BIUSXYEPNDTAFZGHO])/g, '')
        .replaceAll('&&', '&')
        .trim(),
    )
    .filter((part) => /[\p{L}\p{N}]/u.test(part));
}

/** "Page 1 of 9": a number of pages and no more than two words. */
function isPageNumber(part: string): boolean {
  const words = part.replaceAll(/&(?:"[^"]*"|.)/g, ' ').match(/\p{L}+/gu) ?? [];
  return /&[PN]/.test(part) && words.length <= 2;
}
