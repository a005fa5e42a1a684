import { createNumbering, type Numbering } from './docx-numbering.ts';
import { parseXml, type XmlNode } from './xml-tree.ts';
import type { Archive } from './zip.ts';

/** Private characters around a label that was put before the text of a paragraph. */
const OPEN = '\uE000';
const CLOSE = '\uE001';

const MAIN = 'word/document.xml';
const STYLES = 'word/styles.xml';

/** What mammoth asks of the container of a document. */
export interface DocxFile {
  exists(name: string): boolean;
  read(name: string, encoding?: string): Promise<string | Uint8Array>;
}

/**
 * The parts of a document as its reader is to see them: automatic numbers stand as text before their paragraphs,
 * formulas, the base of annotated characters and what simple fields show (17.16.19) as plain text.
 */
export async function prepareDocx(archive: Archive): Promise<DocxFile> {
  const names = new Set(archive.names);
  const tree = async (name: string): Promise<XmlNode[]> =>
    parseXml((await archive.read(name))?.toString('utf8') ?? '');
  const isNumbered = async (name: string): Promise<boolean> => {
    const bytes = await archive.read(name);
    return !bytes || isWide(bytes) || bytes.includes('<w:numId');
  };
  // Nothing is numbered in most documents, and styles are long.
  const numbering =
    names.has('word/numbering.xml') && ((await isNumbered(MAIN)) || (await isNumbered(STYLES)))
      ? createNumbering(await tree('word/numbering.xml'), await tree(STYLES))
      : undefined;
  return {
    exists: (name) => names.has(name),
    async read(name, encoding) {
      const bytes = (await archive.read(name)) ?? Buffer.alloc(0);
      if (encoding === 'base64') return bytes.toString('base64');
      return encoding === undefined ? bytes : prepare(decode(bytes), numbering);
    },
  };
}

function decode(bytes: Buffer): string {
  return new TextDecoder(isWide(bytes) ? 'utf-16le' : 'utf-8').decode(bytes);
}

function isWide(bytes: Buffer): boolean {
  return bytes[0] === 0xff && bytes[1] === 0xfe;
}

function prepare(source: string, numbering: Numbering | undefined): string {
  const plain = plainFormulas(plainRuby(source)).replaceAll(/<\/?w:fldSimple(?: [^>]*)?>/g, '');
  return numbering && plain.includes('<w:body') ? numbered(plain, numbering) : plain;
}

/** Puts the label of each numbered paragraph behind its properties. */
function numbered(source: string, numbering: Numbering): string {
  const end = '</w:pPr>';
  let text = '';
  let done = 0;
  for (let at = source.indexOf('<w:pPr>'); at !== -1; at = source.indexOf('<w:pPr>', done)) {
    const close = source.indexOf(end, at);
    if (close === -1) break;
    const properties = source.slice(at, close);
    const label = numbering.label(numberingOf(properties));
    text += source.slice(done, close + end.length) + (label === undefined ? '' : run(OPEN + label + CLOSE));
    done = close + end.length;
  }
  return text + source.slice(done);
}

/** What is tracked as a change comes after, and is not meant. */
function numberingOf(properties: string) {
  const [now = ''] = properties.split('<w:pPrChange');
  const level = /<w:ilvl w:val="(\d)"/.exec(now)?.[1];
  return {
    list: /<w:numId w:val="(\d{1,9})"/.exec(now)?.[1],
    level: level === undefined ? undefined : Number(level),
    style: /<w:pStyle w:val="([^"]{1,200})"/.exec(now)?.[1],
  };
}

function run(text: string): string {
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return `<w:r><w:t xml:space="preserve">${escaped}</w:t></w:r>`;
}

/** Of characters with their reading above (17.3.3.25) the characters, as runs of their own. */
function plainRuby(source: string): string {
  if (!source.includes('<w:ruby>')) return source;
  return source
    .replaceAll(/<w:ruby>[^]*?<w:rubyBase>/g, '</w:r>')
    .replaceAll(/<\/w:rubyBase>\s*<\/w:ruby>/g, '<w:r>');
}

/** The text of formulas (22.1.2), without their form. */
function plainFormulas(source: string): string {
  if (!source.includes('<m:oMath')) return source;
  return source.replaceAll(/<m:oMath(?: [^>]*)?>([^]*?)<\/m:oMath>/g, (_, formula: string) => {
    const texts = [...formula.matchAll(/<m:t(?: [^>]*)?>([^<]*)<\/m:t>/g)].map(([, text]) => text ?? '');
    return `<w:r><w:t xml:space="preserve">${texts.join(' ')}</w:t></w:r>`;
  });
}

/** Turns the labels in mammoth's HTML into those of list items, or into text where the paragraph is no list item. */
export function placeLabels(html: string): string {
  return html
    .replaceAll(
      /<li>\uE000([^\uE001]*)\uE001/g,
      (_, label: string) => `<li data-limner-label="${label.replaceAll('"', '&quot;')}">`,
    )
    .replaceAll(/\uE000([^\uE001]*)\uE001/g, (_, label: string) => (label === '' ? '' : `${label} `));
}
