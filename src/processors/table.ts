import { createHash } from 'node:crypto';
import { extname } from 'node:path';
import { LimnerError } from '../errors.ts';
import { asciidoc } from './asciidoc.ts';
import { code } from './code.ts';
import { csv } from './csv.ts';
import { docx } from './docx.ts';
import { epub } from './epub.ts';
import { gzip } from './gzip.ts';
import { html } from './html.ts';
import { latex } from './latex.ts';
import { mail } from './mail.ts';
import { markdown } from './markdown.ts';
import { mbox } from './mbox.ts';
import { msg } from './msg.ts';
import { notebook } from './notebook.ts';
import { odp } from './odp.ts';
import { office } from './office.ts';
import { pdf } from './pdf.ts';
import { pptx } from './pptx.ts';
import type { Processor } from './processor.ts';
import type { Sniffed } from './sniff.ts';
import { rst } from './rst.ts';
import { spreadsheet } from './spreadsheet.ts';
import { subtitles } from './subtitles.ts';
import { tar } from './tar.ts';
import { text } from './text.ts';
import { zipArchive } from './zip-archive.ts';

/** Every kind of document that is read. docs/add-a-processor.md says how to add one. */
export const PROCESSORS: readonly Processor[] = [
  text,
  markdown,
  html,
  pdf,
  docx,
  spreadsheet,
  csv,
  pptx,
  office,
  odp,
  epub,
  notebook,
  asciidoc,
  rst,
  latex,
  subtitles,
  code,
  mail,
  mbox,
  msg,
  zipArchive,
  tar,
  gzip,
];

/** Changes when any processor's output may change: part of the key under which extractions are cached. */
export const PROCESSORS_VERSION = digest(PROCESSORS);

/** Kinds that look alike from inside, so that the extension decides between them. */
const TEXT_KINDS: ReadonlySet<string> = new Set(
  'text markdown html csv json yaml xml mail mbox subtitles notebook asciidoc rst latex code'.split(' '),
);

export interface Table {
  /** The processor for what `sniff` saw in a file called `name`. Throws LimnerError `unsupported`. */
  choose(sniffed: Sniffed, name: string): Processor;
}

/** Looks processors up by content first and extension second. Throws when two claim the same. */
export function createTable(processors: readonly Processor[]): Table {
  const byKind = new Map<string, Processor>();
  const byExtension = new Map<string, Processor>();
  for (const processor of processors) {
    for (const kind of processor.kinds) claim(byKind, kind, processor);
    for (const extension of processor.extensions) claim(byExtension, extension, processor);
  }

  return {
    choose(sniffed, name) {
      const named = byExtension.get(extensionOf(name));
      if (named && reads(named, sniffed.kind)) return named;
      const chosen = byKind.get(sniffed.kind);
      if (!chosen) throw unsupported(sniffed, named);
      return chosen;
    },
  };
}

function claim(claims: Map<string, Processor>, key: string, processor: Processor): void {
  const other = claims.get(key);
  if (other) throw new Error(`Processors ${other.name} and ${processor.name} both claim "${key}".`);
  claims.set(key, processor);
}

function reads(processor: Processor, kind: string): boolean {
  return processor.kinds.some((own) => own === kind || (TEXT_KINDS.has(own) && TEXT_KINDS.has(kind)));
}

/** Whether files of this name are read by native code, if their content is what the name says. */
export function needsNative(name: string): boolean {
  const extension = extensionOf(name);
  return PROCESSORS.some(({ native, extensions }) => native && extensions.includes(extension));
}

function unsupported(sniffed: Sniffed, named: Processor | undefined): LimnerError {
  const what = named ? `${sniffed.label}, not ${named.label}` : sniffed.label;
  return new LimnerError('unsupported', `This is ${what}; there is no reader for it.`);
}

function extensionOf(name: string): string {
  return extname(name).slice(1).toLowerCase();
}

function digest(processors: readonly Processor[]): string {
  const names = processors.map((processor) => `${processor.name}:${processor.version}`).toSorted();
  return createHash('sha256').update(names.join('\n')).digest('hex').slice(0, 16);
}
