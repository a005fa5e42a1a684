/** What somebody wrote into a page, and the corners of where, in the page's own units. */
export interface Note {
  text: string;
  rect: readonly number[];
}

/**
 * What people wrote into a page: values of form fields and notes, which are no part of its text, a line
 * each. `annotations` is what pdf.js gives for a page.
 */
export function notesOf(annotations: readonly unknown[]): Note[] {
  return annotations.flatMap((annotation) =>
    isObject(annotation) ? linesOf(annotation).map((text) => ({ text, rect: rectOf(annotation) })) : [],
  );
}

function rectOf(annotation: Fields): number[] {
  const rect: unknown = annotation['rect'];
  return Array.isArray(rect) ? rect.filter((value) => typeof value === 'number') : [];
}

type Fields = Record<string, unknown>;

function linesOf(annotation: Fields): string[] {
  if (annotation['subtype'] === 'Widget') return fieldLine(annotation);
  return COMMENTED.has(annotation['subtype']) ? noteLine(annotation) : [];
}

/** What people put on a page to say something (PDF 32000-1, 12.5.6); the window of a note says it again. */
const COMMENTED: ReadonlySet<unknown> = new Set(
  'FreeText Text Highlight Underline Squiggly StrikeOut Caret Stamp Ink Line Square Circle Polygon PolyLine'.split(
    ' ',
  ),
);

/** Files that are pinned to a page: what pdf.js calls each, and its name. */
export function pinnedFiles(annotations: readonly unknown[]): { id: string; name: string }[] {
  return annotations.flatMap((annotation) => {
    if (!isObject(annotation) || annotation['subtype'] !== 'FileAttachment') return [];
    const { fileId: id, file } = annotation;
    const name = isObject(file) ? file['filename'] : undefined;
    return typeof id === 'string' ? [{ id, name: isText(name) ? name : id }] : [];
  });
}

/** Buttons are left out: their values are names that only the form itself knows. */
function fieldLine(field: Fields): string[] {
  if (field['fieldType'] === 'Btn' || field['password'] === true) return [];
  const values = [field['fieldValue']].flat().filter(isText);
  if (values.length === 0) return [];
  const label = labelOf(field);
  return [`${label && `${label}: `}${values.join(', ')}`];
}

/** What a form says that a field asks for, or its name where that is made of words. */
function labelOf({ alternativeText, fieldName }: Fields): string {
  if (isText(alternativeText)) return alternativeText;
  const name = isText(fieldName) ? (fieldName.split('.').at(-1) ?? '').replace(/\[\d+\]$/, '') : '';
  return WORDS.test(name) && !NO_NAME.test(name) ? name.replaceAll('_', ' ') : '';
}

const WORDS = /^\p{L}[\p{L} _-]{2,40}$/u;
/** What programs call a field that nobody named. */
const NO_NAME = /^(?:text|field|text ?field|textbox|undefined|untitled|combo|list|form)[ _-]*$/i;

/** What somebody says of a place, and who; a text that stands on the page by itself is nobody's. */
function noteLine(note: Fields): string[] {
  const said = stringIn(note['contentsObj']);
  const author = note['subtype'] === 'FreeText' ? '' : stringIn(note['titleObj']);
  if (!isText(said)) return [];
  return [isText(author) ? `Comment by ${author}: ${said}` : said];
}

function stringIn(value: unknown): unknown {
  return isObject(value) ? value['str'] : undefined;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '';
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}
