import { messagesIn, numberIn, refIn, textIn, type IwaObject } from './iwa.ts';
import { tableLines } from './iwa-table.ts';
import type { Line } from './lines.ts';

/** Kinds of objects, by the numbers that the programs give them. */
export const KIND = {
  show: 2,
  slideNode: 4,
  slide: 5,
  placeholder: 7,
  slideNote: 15,
  text: 2001,
  attachment: 2003,
  textBox: 2011,
  sticker: 2014,
  paragraphStyle: 2022,
  group: 3008,
  comment: 3056,
  tableInfo: 6000,
  table: 6001,
  tile: 6002,
  list: 6005,
  richText: 6218,
  pagesDocument: 10_000,
} as const;

/** What only holds others that show something. */
const HOLDERS: ReadonlySet<number> = new Set([
  KIND.placeholder,
  KIND.slideNote,
  KIND.attachment,
  KIND.textBox,
  KIND.group,
  KIND.tableInfo,
]);
const MAX_DEPTH = 32;
const MAX_PARENTS = 16;
/** Stands in a text for what is attached there. */
const ATTACHED = '\ufffc';

export interface TextReader {
  /** What an object shows, with what it holds; nothing of an object that was read before. */
  linesOf(id: number): Line[];
  /** Of those that were not read, whatever holds them. */
  rest(wanted: (object: IwaObject) => boolean): Line[];
}

/** Reads the objects of a document of Pages or Keynote as lines in the manner of Markdown; slides have no `headings`. */
export function createTextReader(objects: ReadonlyMap<number, IwaObject>, headings: boolean): TextReader {
  const read = new Set<number>();

  function linesOf(id: number, depth = 0): Line[] {
    const object = objects.get(id);
    if (!object || read.has(id) || depth > MAX_DEPTH) return [];
    read.add(id);
    if (object.type === KIND.text) return [...paragraphs(object, depth), { text: '' }];
    if (object.type === KIND.table) return [...tableLines(object, objects), ''].map((text) => ({ text }));
    if (object.type === KIND.comment) return commentLines(object);
    if (object.type === KIND.sticker) return stickerLines(object, depth);
    return HOLDERS.has(object.type) ? object.refs.flatMap((ref) => linesOf(ref, depth + 1)) : [];
  }

  /** It holds what it says twice, as a text and as a comment. */
  function stickerLines({ refs }: IwaObject, depth: number): Line[] {
    for (const ref of refs) if (objects.get(ref)?.type === KIND.comment) read.add(ref);
    const said = refs.flatMap((ref) => linesOf(ref, depth + 1));
    return said.map(({ text }, at) => ({ text: at === 0 ? `Comment: ${text}` : text }));
  }

  /** Where the text holds a sign for it, what is attached there follows the paragraph. */
  function* paragraphs({ fields }: IwaObject, depth: number): Generator<Line> {
    const levels = headings ? styleRuns(fields) : [];
    const attached = runs(fields, 9);
    let at = 0;
    let level = 0;
    for (const paragraph of textIn(fields, 3).split('\n')) {
      while ((levels[0]?.at ?? Infinity) <= at) level = levels.shift()?.level ?? 0;
      yield* lineOf(paragraph, level);
      at += paragraph.length + 1;
      while ((attached[0]?.at ?? Infinity) < at) yield* linesOf(attached.shift()?.ref ?? 0, depth + 1);
    }
  }

  function styleRuns(fields: IwaObject['fields']): { at: number; level: number }[] {
    return runs(fields, 5).map(({ at, ref }) => ({ at, level: headingLevel(ref) }));
  }

  /** A style that has no name of its own is a change of the one above it. */
  function headingLevel(style: number): number {
    let id = style;
    for (let parents = 0; parents < MAX_PARENTS; parents += 1) {
      const [known] = messagesIn(objects.get(id)?.fields, 1);
      const name = textIn(known, 1) || textIn(known, 2);
      if (name !== '') return levelOf(name);
      id = refIn(known, 3);
    }
    return 0;
  }

  return {
    linesOf,
    rest: (wanted) =>
      [...objects.values()].filter((object) => wanted(object)).flatMap(({ id }) => linesOf(id)),
  };
}

/** Where a property of a text changes; an entry without an object goes on with the one before. */
function runs(fields: IwaObject['fields'], field: number): { at: number; ref: number }[] {
  const [table] = messagesIn(fields, field);
  return messagesIn(table, 1)
    .map((entry) => ({ at: numberIn(entry, 1), ref: refIn(entry, 2) }))
    .filter(({ ref }) => ref !== 0)
    .toSorted((one, other) => one.at - other.at);
}

function levelOf(name: string): number {
  if (/^title$/i.test(name)) return 1;
  const heading = /^heading(?: (\d))?/i.exec(name);
  return heading ? Number(heading[1] ?? 1) : 0;
}

function* lineOf(paragraph: string, level: number): Generator<Line> {
  const text = shown(paragraph);
  if (text === '' || level === 0) yield { text };
  else yield { text: `${'#'.repeat(level)} ${text}`, heading: { level, title: text } };
}

/** Without signs for what is attached, for the ends of pages and columns, and for notes. */
function shown(paragraph: string): string {
  return paragraph
    .replaceAll('\u2028', ' ')
    .replaceAll(ATTACHED, '')
    .replaceAll(/\p{Cc}/gu, (sign) => (sign === '\t' ? sign : ''))
    .trim();
}

function commentLines({ fields }: IwaObject): Line[] {
  const text = shown(textIn(fields, 1).replaceAll(/\s+/g, ' '));
  return text === '' ? [] : [{ text: `Comment: ${text}` }];
}
