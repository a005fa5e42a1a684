import type { Heading } from './lines.ts';
import { readMarkedLines } from './marked-lines.ts';
import type { Processor } from './processor.ts';

/** YAML: the text as it is, comments too, with the outer two levels of keys as headings. Nothing is resolved. */
export const yaml: Processor = {
  name: 'yaml',
  version: 1,
  kinds: ['yaml'],
  label: 'a YAML file',
  extensions: ['yaml', 'yml'],
  read: (file) => readMarkedLines(file, () => findKey, { titled: false }),
};

/** A key whose value stands on the lines after it. */
const KEY = /^( {0,4})(?:"([^"]{1,80})"|'([^']{1,80})'|([\w./ -]{1,80})):\s*(?:[&!]\S{0,60})?\s*(?:#.*)?$/;

function findKey(line: string): Heading | undefined {
  const [, indent, ...names] = KEY.exec(line) ?? [];
  const title = names.find(Boolean)?.trim();
  if (indent === undefined || !title || title.startsWith('- ')) return undefined;
  return { level: indent === '' ? 1 : 2, title };
}
