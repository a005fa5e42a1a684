import type { SourceFile } from '../document.ts';
import { decodeFile, decodeWhole, detectCharset } from './charset.ts';
import type { Limits } from './limits.ts';
import { splitLines } from './lines.ts';
import type { Part, Processor } from './processor.ts';
import { createRecordWriter, type RecordWriter } from './record-writer.ts';
import { text } from './text.ts';

/** What is larger is read as text: parsed, it takes many times its size. */
const MAX_BYTES = 20 * 1024 * 1024;
/** Keys of this many levels are headings as well. */
const HEADINGS = 2;
const MAX_DEPTH = 256;

/** JSON and lines of JSON: values with their path, the outer keys as headings. What is no JSON is read as text. */
export const json: Processor = {
  name: 'json',
  version: 1,
  kinds: ['json'],
  label: 'a JSON file',
  extensions: ['json', 'jsonl', 'ndjson', 'geojson'],
  read,
};

async function* read(file: SourceFile, limits: Limits): AsyncGenerator<Part> {
  if (/\.(?:jsonl|ndjson)$/i.test(file.name)) {
    yield* readLines(file);
    return;
  }
  const value = file.bytes > MAX_BYTES ? undefined : parse(await sourceOf(file));
  const writer = createRecordWriter();
  const sections = value !== undefined && writeValue(writer, value) ? writer.finish() : [];
  // Where nothing but keys is inside, they are what can be found.
  if (sections.length === 0) yield* text.read(file, limits);
  else yield { sections };
}

async function sourceOf(file: SourceFile): Promise<string> {
  return decodeWhole(file.path, await detectCharset(file.path));
}

/** Each line is a record; lines that are no JSON stay as they are. */
async function* readLines(file: SourceFile): AsyncGenerator<Part> {
  const writer = createRecordWriter();
  let held = '';
  for await (const lines of splitLines(decodeFile(file.path, await detectCharset(file.path)))) {
    for (const line of lines) {
      held += line.text;
      if (line.more) continue;
      writer.gap();
      const value = parse(held);
      if (value === undefined || !writeValue(writer, value)) writer.add([], held);
      held = '';
    }
    yield { sections: writer.take() };
  }
  yield { sections: writer.finish() };
}

function keepNumber(_: string, value: unknown, context?: { source?: string }): unknown {
  return typeof value === 'number' ? (context?.source ?? value) : value;
}

/** Undefined where the source is no JSON, or nests deeper than the stack is. Numbers stay as they are written. */
function parse(source: string): unknown {
  try {
    return JSON.parse(source, keepNumber);
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError) return undefined;
    throw error;
  }
}

interface Step {
  value: unknown;
  /** Keys that lead here; elements of lists have that of their list. */
  path: readonly string[];
  isRecord: boolean;
  depth: number;
}

/** Writes every scalar with its path. False where values nest too deep. Without recursion. */
function writeValue(writer: RecordWriter, root: unknown): boolean {
  const open: Step[] = [{ value: root, path: [], isRecord: false, depth: 0 }];
  for (let step = open.pop(); step; step = open.pop()) {
    if (step.depth > MAX_DEPTH) return false;
    if (step.isRecord) writer.gap();
    const inner = stepsInto(step);
    if (inner) for (const next of inner.toReversed()) open.push(next);
    else writeScalar(writer, step);
  }
  return true;
}

/** What is inside, scalars first, for they belong to this level; nothing for a scalar. */
function stepsInto({ value, path, depth }: Step): Step[] | undefined {
  if (Array.isArray(value)) {
    if (value.every((item) => !isContainer(item))) return undefined;
    return value.map((item: unknown) => ({ value: item, path, isRecord: true, depth: depth + 1 }));
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const steps = Object.entries(value).map(([key, item]: [string, unknown]) => ({
    value: item,
    path: [...path, key],
    isRecord: false,
    depth: depth + 1,
  }));
  return [
    ...steps.filter((step) => !isContainer(step.value)),
    ...steps.filter((step) => isContainer(step.value)),
  ];
}

function isContainer(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

function writeScalar(writer: RecordWriter, { value, path }: Step): void {
  const shown = Array.isArray(value) ? value.map(String).join(', ') : String(value);
  if (shown.trim() === '') return;
  const headings = path.slice(0, Math.min(HEADINGS, path.length - 1));
  const name = path.join('.');
  writer.add(headings, name === '' ? shown : `${name}: ${shown}`);
}
