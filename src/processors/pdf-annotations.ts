/** What somebody wrote into a page, and the corners of where, in the page's own units. */
export interface Note {
  text: string;
  rect: readonly number[];
}

/**
 * What people wrote into a page: values of form fields and free-text notes, which are no part of its text, a line
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
  if (annotation['subtype'] === 'FreeText' || annotation['subtype'] === 'Text')
    return [noteOf(annotation)].filter(isText);
  return [];
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
