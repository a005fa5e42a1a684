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
  return COMMENTED.has(annotation['subtype']) ? [noteOf(annotation)].filter(isText) : [];
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
  const label = field['alternativeText'];
  return [`${isText(label) ? `${label}: ` : ''}${values.join(', ')}`];
}

function noteOf(note: Fields): unknown {
  const contents = note['contentsObj'];
  return isObject(contents) ? contents['str'] : undefined;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '';
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}
