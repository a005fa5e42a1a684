import type { SourceFile } from '../document.ts';
import { decodeFile, detectCharset } from './charset.ts';
import { splitLines, type Heading, type Line } from './lines.ts';
import type { Part } from './processor.ts';
import { createSectioner } from './sectioner.ts';

/** Tells which lines of a text are headings, or the rules over and under them; asked for every line in order, and once with the line after. */
export type FindHeading = (line: string, next: string) => Heading | 'ornament' | undefined;

/** Longest line that can be a heading or its underline. */
const MAX_HEADING = 300;

/**
 * Reads a text whose own lines say where its parts begin: sections by heading, with their lines. `createFinder` is
 * called once for the file. With `titled` a lone first heading is the title.
 */
export async function* readMarkedLines(
  file: SourceFile,
  createFinder: () => FindHeading,
  { titled }: { titled: boolean },
): AsyncGenerator<Part> {
  const charset = await detectCharset(file.path);
  const sectioner = createSectioner();
  const find = createFinder();
  let held: Line | undefined;
  const release = (next: string): void => {
    if (!held) return;
    const found = held.text.length <= MAX_HEADING ? find(held.text, next.slice(0, MAX_HEADING)) : undefined;
    if (found === 'ornament') sectioner.add({ ...held, ornament: true });
    else sectioner.add(found ? { ...held, heading: found } : held);
    held = undefined;
  };
  for await (const lines of splitLines(decodeFile(file.path, charset))) {
    for (const line of lines) {
      release(line.text);
      held = line;
    }
    yield { sections: sectioner.take() };
  }
  release('');
  const title = titled ? sectioner.title : undefined;
  yield { sections: sectioner.finish(), ...(title && { title }) };
}
