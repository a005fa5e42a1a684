import { extname } from 'node:path';
import { LimnerError } from '../errors.ts';
import { asciidoc } from './asciidoc.ts';
import { code } from './code.ts';
import { csv } from './csv.ts';
import { docx } from './docx.ts';
import { epub } from './epub.ts';
import { gzip } from './gzip.ts';
import { html } from './html.ts';
import { image } from './image.ts';
import { iwork } from './iwork.ts';
import { json } from './json.ts';
import { latex } from './latex.ts';
import { locked } from './locked.ts';
import { mail } from './mail.ts';
import { markdown } from './markdown.ts';
import { mbox } from './mbox.ts';
import { msg } from './msg.ts';
import { notebook } from './notebook.ts';
import { odp } from './odp.ts';
import { office } from './office.ts';
import { pdf } from './pdf.ts';
import { pptx } from './pptx.ts';
import type { Described, Processor } from './processor.ts';
import type { Sniffed } from './sniff.ts';
import { recording } from './recording.ts';
import { rst } from './rst.ts';
import { spreadsheet } from './spreadsheet.ts';
import { subtitles } from './subtitles.ts';
import { tar } from './tar.ts';
import { text } from './text.ts';
import { tnef } from './tnef.ts';
import { xml } from './xml.ts';
import { yaml } from './yaml.ts';
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
  iwork,
  epub,
  notebook,
  json,
  yaml,
  xml,
  asciidoc,
  rst,
  latex,
  subtitles,
  code,
  mail,
  mbox,
  msg,
  tnef,
  zipArchive,
  tar,
  gzip,
  image,
  recording,
  locked,
];

/** Kinds that look alike from inside, so that the extension decides between them. */
const TEXT_KINDS: ReadonlySet<string> = new Set(
  'text markdown html csv json yaml xml mail mbox subtitles notebook asciidoc rst latex code'.split(' '),
);

export interface Table<Known extends Described> {
  /** The processor for what `sniff` saw in a file called `name`. Throws LimnerError `unsupported`. */
  choose(sniffed: Sniffed, name: string): Known;
  /** Whether files of this name are read by native code, if their content is what the name says. */
  needsNative(name: string): boolean;
}

/**
 * Looks processors up by content first and extension second. Those in `own` go before the others for their
 * extensions, where the content is what they read. Throws when two claim the same.
 */
export function createTable<Known extends Described>(
  builtIn: readonly Known[],
  own: readonly Known[] = [],
): Table<Known> {
  const byKind = new Map<string, Known>();
  const byExtension = new Map<string, Known>();
  const byOwnExtension = new Map<string, Known>();
  for (const processor of builtIn) {
    for (const kind of processor.kinds) claim(byKind, kind, processor);
    for (const extension of processor.extensions) claim(byExtension, extension, processor);
  }
  for (const processor of own) {
    for (const extension of processor.extensions) claim(byOwnExtension, extension, processor);
  }

  return {
    needsNative(name) {
      const extension = extensionOf(name);
      return (byOwnExtension.get(extension) ?? byExtension.get(extension))?.native ?? false;
    },
    choose(sniffed, name) {
      const mine = byOwnExtension.get(extensionOf(name));
      if (mine && reads(mine, sniffed.kind)) return mine;
      const named = byExtension.get(extensionOf(name));
      if (named && reads(named, sniffed.kind)) return named;
      const chosen = byKind.get(sniffed.kind);
      if (!chosen) throw unsupported(sniffed, named);
      return chosen;
    },
  };
}

function claim<Known extends Described>(claims: Map<string, Known>, key: string, processor: Known): void {
  const other = claims.get(key);
  if (other) throw new Error(`Processors ${other.name} and ${processor.name} both claim "${key}".`);
  claims.set(key, processor);
}

function reads(processor: Described, kind: string): boolean {
  return processor.kinds.some((own) => own === kind || (TEXT_KINDS.has(own) && TEXT_KINDS.has(kind)));
}

function unsupported(sniffed: Sniffed, named: Described | undefined): LimnerError {
  const what = named ? `${sniffed.label}, not ${named.label}` : sniffed.label;
  return new LimnerError('unsupported', `This is ${what}; there is no reader for it.`);
}

function extensionOf(name: string): string {
  return extname(name).slice(1).toLowerCase();
}
