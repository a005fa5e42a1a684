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
  version: 2,
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

/** How other languages define what stands at the left edge; the last group is the name. */
const AT_EDGE: readonly RegExp[] = [
  // C and its kin: a type, a name and parameters, then a body.
  /^(?!(?:return|else|case|new|throw|await|yield)\b)(?:[\w:<>,*&[\]]{1,60}\s{1,3}){1,5}[*&]{0,2}([\w:~]{1,80})\s?\([^;{}]{0,200}\)?\s{0,3}(?:const|noexcept|override)?\s{0,3}(?:\{|=>.{0,200}|\{.{0,200}\})$/,
  // Shells and R.
  /^([\w.-]{1,80})\s{0,3}\(\)\s{0,3}\{/,
  /^([\w.]{1,80})\s{0,3}(?:<-|=)\s{0,3}function\(/,
  // Lisps.
  /^\((?:cl-)?(?:defn-?|defun|defmacro|defmethod|defgeneric|define|defstruct)\s{1,3}\(?([^\s()]{1,80})/,
  // SQL, protocol buffers, Terraform, Objective-C, VHDL.
  /^create\s(?:or replace\s|unique\s|temp\s){0,2}(?:table|view|function|procedure|trigger|index|type)\s(?:if not exists\s)?([\w."]{1,80})/i,
  /^(?:message|service|type|input|schema)\s([\w.]{1,80})(?:\s\w{1,20}){0,3}\s{0,3}\{/,
  /^(?:resource|data|module|variable|output|provider)\s"[^"]{1,60}"(?:\s"([^"]{1,60})")?\s{0,3}\{/,
  /^@(?:interface|implementation|protocol)\s([\w]{1,80})/,
  /^(?:entity|architecture|package|component)\s([\w]{1,80})\s(?:is|of)\b/i,
  // Erlang, Visual Basic, labels.
  /^([a-z]\w{0,80})\([^()]{0,120}\)\s{0,3}(?:when .{0,80})?->/,
  /^(?:(?:public|private|friend|shared)\s){0,2}(?:function|sub|class|module|property)\s([\w]{1,80})/i,
  /^:?(?!(?:public|private|protected|default|else|try|finally|do|begin)\b)([a-z_]\w{0,60}):$/i,
  /^:([a-z_]\w{0,60})$/i,
];

/** A definition further in than the one before it belongs to that; those of one depth stand beside each other. */
function createFinder(): FindHeading {
  return (line) => {
    const defined = DEFINITION.exec(line);
    if (defined) return definition(defined[1] ?? '', defined[3] ?? '', OUTER.has(defined[2] ?? ''));
    const arrow = ARROW.exec(line);
    if (arrow) return arrow[1] === '' ? definition('', arrow[2] ?? '', false) : undefined;
    const name = nameAtEdge(line);
    return name === undefined ? undefined : definition('', name, false);
  };
}

function nameAtEdge(line: string): string | undefined {
  if (line === '' || line.startsWith(' ') || line.startsWith('\t')) return undefined;
  return AT_EDGE.map((pattern) => pattern.exec(line)?.[1]).find((name) => name !== undefined);
}

/** Functions inside functions are left where they are. */
function definition(indent: string, title: string, isOuter: boolean) {
  const depth = indent.replaceAll('\t', '    ').length;
  const level = depth === 0 ? 1 : 2;
  return depth <= 4 || isOuter ? { level, title } : undefined;
}
