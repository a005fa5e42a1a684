import type { SourceFile } from '../document.ts';
import { LimnerError } from '../errors.ts';
import { parseHtml } from './dom.ts';
import { UNSEEN, writeLines } from './html-lines.ts';
import { createFigureShelf, type FigureShelf } from './figure-shelf.ts';
import { placeLabels, prepareDocx, type DocxFile } from './docx-source.ts';
import { embeddedFiles } from './embedded.ts';
import type { Limits } from './limits.ts';
import type { Part, Processor } from './processor.ts';
import { scansOf } from './scans.ts';
import { createSectioner, type Sectioner } from './sectioner.ts';
import { sweepXml, titleOf } from './xml-text.ts';
import { verifyTextParts, withArchive } from './zip.ts';

/** Word documents (Office Open XML): sections by heading, notes at the end, then headers, footers and charts. */
export const docx: Processor = {
  name: 'docx',
  version: 4,
  kinds: ['docx'],
  label: 'a Word document',
  extensions: ['docx', 'docm', 'dotx', 'dotm'],
  holdsFiles: true,
  read,
};

/** Parts that mammoth does not visit, in the order they are given. */
const SWEPT = ['word/header', 'word/footer', 'word/comments', 'word/charts/chart', 'word/diagrams/data'];

async function* read(file: SourceFile, limits: Limits): AsyncGenerator<Part> {
  const figures = createFigureShelf();
  const { title, swept, html, members, warnings } = await withArchive(file.path, limits, async (archive) => {
    await verifyTextParts(archive);
    const html = placeLabels(await toHtml(await prepareDocx(archive), figures));
    const scans = await scansOf(archive, 'word/media/', html.replaceAll(/<[^>]*>/g, ''), limits);
    return {
      title: await titleOf(archive),
      swept: await sweepXml(archive, SWEPT),
      html,
      members: [...(await Array.fromAsync(embeddedFiles(archive))), ...scans.members],
      warnings: scans.warnings,
    };
  });
  const [body, notes] = partNotes(html);
  const sectioner = sectionsOf(body);
  for (const section of sectioner.finish()) yield { sections: [section] };
  yield { sections: sectionsOf(notes).finish() };
  if (swept !== '') yield { sections: [{ text: swept }] };
  yield { figures: figures.kept };
  const found = title || sectioner.title;
  yield { members, warnings, ...(found && { title: found }) };
}

/** mammoth puts foot- and endnotes into a list at the end, where they would seem to belong to the last heading. */
function partNotes(source: string): [body: string, notes: string] {
  const starts = ['footnote-', 'endnote-'].map((id) => source.indexOf(`<ol><li id="${id}`));
  const start = Math.min(...starts.map((at) => (at === -1 ? source.length : at)));
  return [source.slice(0, start), source.slice(start)];
}

function sectionsOf(source: string): Sectioner {
  const sectioner = createSectioner();
  writeLines(parseHtml(source), { links: true, skip: new Set(UNSEEN) }, (line) => sectioner.add(line));
  return sectioner;
}

async function toHtml(file: DocxFile, figures: FigureShelf): Promise<string> {
  const { default: mammoth } = await import('mammoth');
  // Its types leave out that a container may be given as it is; an empty path counts as none.
  const input = { path: '', file };
  try {
    const result = await mammoth.convertToHtml(input, {
      externalFileAccess: false,
      styleMap: ["p[style-name='Title'] => h1:fresh", "p[style-name='Subtitle'] => p:fresh"],
      // The words on pictures are not read; their alternative text is, and the picture is kept.
      convertImage: mammoth.images.imgElement(async (image) => {
        figures.add(await image.readAsBuffer(), { description: Reflect.get(image, 'altText') });
        return { src: '' };
      }),
    });
    // mammoth ends each note with an arrow back to where it is called.
    return result.value.replaceAll('>↑</a>', '></a>');
  } catch (error) {
    throw failureOf(error);
  }
}

/** mammoth gives the errors of its parsers as they are. */
function failureOf(cause: unknown): LimnerError {
  if (cause instanceof RangeError) {
    const message =
      'The document nests tables or text boxes too deeply to be read; flatten it and save it again.';
    return new LimnerError('limit', message, { cause });
  }
  const message = 'The Word document is damaged; opening it in Word and saving it again may repair it.';
  return new LimnerError('corrupt', message, { cause });
}
