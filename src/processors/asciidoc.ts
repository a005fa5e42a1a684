import type { FindHeading } from './marked-lines.ts';
import { readMarkedLines } from './marked-lines.ts';
import type { Processor } from './processor.ts';

/** AsciiDoc: sections by heading, with their lines. */
export const asciidoc: Processor = {
  name: 'asciidoc',
  version: 1,
  kinds: ['asciidoc'],
  label: 'an AsciiDoc file',
  extensions: ['adoc', 'asciidoc', 'asc'],
  read: (file) => readMarkedLines(file, createFinder, { titled: true }),
};

/** Blocks of these signs, four or more, are taken as they are (AsciiDoc, delimited blocks). */
const BLOCK = /^(-{4,}|\.{4,}|\+{4,}|\/{4,}|`{3,})\s{0,9}$/;

function createFinder(): FindHeading {
  let block: string | undefined;
  return (line) => {
    const sign = BLOCK.exec(line)?.[1];
    if (sign && (block === undefined || block === sign)) block = block === undefined ? sign : undefined;
    const match = block === undefined ? /^(={1,6}|#{1,6})\s{1,9}(\S.{0,280})$/.exec(line) : null;
    return match ? { level: match[1]?.length ?? 1, title: match[2]?.trim() ?? '' } : undefined;
  };
}
