import type { FindHeading } from './marked-lines.ts';
import { readMarkedLines } from './marked-lines.ts';
import type { Processor } from './processor.ts';

const LANGUAGES =
  'js mjs cjs jsx ts mts cts tsx vue svelte css scss less py pyi rb php pl pm lua r jl sh bash zsh fish ps1 bat sql ' +
  'c h cc cpp cxx hpp hh cs java kt kts scala groovy go rs swift dart zig nim hs ml ex exs erl clj lisp el graphql proto tf ' +
  'nix f90 pas vb asm m mm v vhd';

/** Source code: functions and classes as sections, with their lines. */
export const code: Processor = {
  name: 'code',
  version: 1,
  kinds: ['code'],
  label: 'source code',
  extensions: LANGUAGES.split(' '),
  read: (file) => readMarkedLines(file, createFinder, { titled: false }),
};

/** What may stand before a definition in one language or another. */
const BEFORE =
  '(?:(?:export|default|declare|public|private|protected|internal|static|final|abstract|async|pub(?:\\([a-z]{1,9}\\))?|unsafe|sealed|' +
  'open|override|virtual|inline|partial|data|case|local|const|extern) )';
const WORDS =
  'class|interface|struct|enum|trait|impl|module|namespace|protocol|object|record|union|defmodule|def|defp|fn|func|fun|function|sub|proc|procedure|macro_rules!';
const DEFINITION = new RegExp(
  `^(\\s{0,40})${BEFORE}{0,5}(${WORDS})\\*?\\s{1,4}(?:\\([^()]{0,60}\\) )?((?:::|[\\w$.]){1,80})`,
);
const ARROW = new RegExp(
  `^(\\s{0,40})${BEFORE}{0,5}(?:let |var )?([\\w$]{1,80})\\s{0,3}=\\s{0,3}(?:async )?(?:function\\b|\\([^()]{0,120}\\)\\s{0,3}=>)`,
);
const OUTER = new Set(
  'class interface struct enum trait impl module namespace protocol object record union defmodule'.split(' '),
);

/** A definition further in than the one before it belongs to that; those of one depth stand beside each other. */
function createFinder(): FindHeading {
  return (line) => {
    const defined = DEFINITION.exec(line);
    if (defined) return definition(defined[1] ?? '', defined[3] ?? '', OUTER.has(defined[2] ?? ''));
    const arrow = ARROW.exec(line);
    return arrow && arrow[1] === '' ? definition('', arrow[2] ?? '', false) : undefined;
  };
}

/** Functions inside functions are left where they are. */
function definition(indent: string, title: string, isOuter: boolean) {
  const depth = indent.replaceAll('\t', '    ').length;
  const level = depth === 0 ? 1 : 2;
  return depth <= 4 || isOuter ? { level, title } : undefined;
}
