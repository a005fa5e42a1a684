import type { FindHeading } from './marked-lines.ts';
import { readMarkedLines } from './marked-lines.ts';
import type { Processor } from './processor.ts';

/** LaTeX: sections by its sectioning commands, with their lines; the source as it stands. */
export const latex: Processor = {
  name: 'latex',
  version: 1,
  kinds: ['latex'],
  label: 'a LaTeX file',
  extensions: ['tex', 'latex', 'ltx'],
  read: (file) => readMarkedLines(file, createFinder, { titled: false }),
};

const LEVELS = ['part', 'chapter', 'section', 'subsection', 'subsubsection', 'paragraph'];

function createFinder(): FindHeading {
  return (line) => {
    const match = /^\s{0,20}\\([a-z]{4,13})\*?(?:\[[^\]]{0,200}\])?\{(.{1,250})\}/.exec(line);
    const level = LEVELS.indexOf(match?.[1] ?? '') + 1;
    return level > 0 && match?.[2]
      ? {
          level,
          title: match[2]
            .replaceAll(/\\[a-z]{1,20}|[{}~]/g, ' ')
            .replaceAll(/ +/g, ' ')
            .trim(),
        }
      : undefined;
  };
}
