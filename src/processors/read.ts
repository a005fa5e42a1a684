import type { Section, SourceFile } from '../document.ts';
import { cutText } from './cut.ts';
import { LIMIT_SETTINGS, type Limits } from './limits.ts';
import type { OwnProcessor } from './own-processors.ts';
import type { Part, Processor } from './processor.ts';
import { sniff } from './sniff.ts';
import { createTable, PROCESSORS } from './table.ts';

/**
 * The processor that the content of `file` asks for; none for an empty file. Throws LimnerError `unsupported`,
 * `encrypted`, `corrupt` or `limit`.
 */
export async function chooseProcessor(
  file: SourceFile,
  limits: Limits,
  own: readonly OwnProcessor[],
): Promise<Processor | OwnProcessor | undefined> {
  const sniffed = await sniff(file.path, limits);
  if (sniffed.kind === 'empty') return undefined;
  return createTable<Processor | OwnProcessor>(PROCESSORS, own).choose(sniffed, file.name);
}

/**
 * Reads `file` in this process. Texts are well-formed UTF-16 without NUL, never only white space, and hold at most
 * `limits.textCharacters` together. Throws what the processor throws.
 */
export async function* readParts(
  processor: Processor,
  file: SourceFile,
  limits: Limits,
  from?: number,
): AsyncGenerator<Part> {
  let room = limits.textCharacters;
  for await (const part of processor.read(file, limits, from)) {
    if (part.members && !processor.holdsFiles)
      throw new TypeError(`The processor ${processor.name} gives members and does not say holdsFiles.`);
    const sections = fit(part.sections ?? [], room);
    room -= lengthOf(part.sections ?? []);
    yield { ...part, sections };
    if (room >= 0) continue;
    yield { warnings: [lengthWarning(limits)] };
    return;
  }
}

function lengthWarning({ textCharacters }: Limits): string {
  return `Only the first ${textCharacters} characters of the text are searchable (${LIMIT_SETTINGS.textCharacters}).`;
}

function fit(sections: readonly Section[], room: number): Section[] {
  const fitting: Section[] = [];
  for (const section of sections) {
    if (room <= 0) break;
    const text = cutText(clean(section.text), room);
    room -= section.text.length;
    if (text.trim() !== '') fitting.push({ ...section, text });
  }
  return fitting;
}

/** Lone surrogates and NUL cannot be stored as UTF-8 text everywhere; the length stays, so that places do. */
function clean(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\uFFFD');
}

function lengthOf(sections: readonly Section[]): number {
  return sections.reduce((sum, section) => sum + section.text.length, 0);
}
