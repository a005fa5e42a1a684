import type { SourceFile } from '../document.ts';
import { LimnerError } from '../errors.ts';
import { readBytes } from './bytes.ts';
import { decodeWhole, detectCharset } from './charset.ts';
import { parseHtml } from './dom.ts';
import { blockDepth } from './html-depth.ts';
import { UNSEEN, writeLines } from './html-lines.ts';
import { surroundings } from './html-main.ts';
import type { Part, Processor } from './processor.ts';
import { createSectioner, type Sectioner } from './sectioner.ts';

/** The tree of a page takes some forty times the memory of its source. */
const MAX_BYTES = 20 * 1024 * 1024;
/** At this depth parsing takes a tenth of a second, at ten times of it ten. */
const MAX_DEPTH = 3000;
const DECLARATION_BYTES = 4096;

/** HTML: sections by heading; what only serves the page (scripts, styles) or the site (navigation, footers, cookie notes) is left out. */
export const html: Processor = {
  name: 'html',
  version: 4,
  kinds: ['html'],
  label: 'an HTML page',
  extensions: ['html', 'htm', 'xhtml'],
  read,
};

async function* read(file: SourceFile): AsyncGenerator<Part> {
  if (file.bytes > MAX_BYTES) {
    throw new LimnerError(
      'limit',
      `HTML pages are read up to ${MAX_BYTES / 1024 / 1024} MB; split this one.`,
    );
  }
  const charset = await detectCharset(file.path, await declaredCharset(file.path));
  const source = await decodeWhole(file.path, charset);
  const page = parsePage(source);
  const title = page.title.trim();
  const sectioner = createSectioner();
  const options = { links: true, emphasis: true, skip: new Set(UNSEEN), except: surroundings(page) };
  writeLines(page, options, (line) => sectioner.add(line));
  yield* parts(sectioner, title);
}

/** Parses a page. Throws LimnerError `limit` where elements nest too deep. */
export function parsePage(source: string): Document {
  if (blockDepth(source) <= MAX_DEPTH) return parseHtml(source);
  throw new LimnerError('limit', 'The page nests its elements thousands deep, which no ordinary page does.');
}

function* parts(sectioner: Sectioner, title: string): Generator<Part> {
  for (const section of sectioner.finish()) yield { sections: [section] };
  const found = title || sectioner.title;
  if (found) yield { title: found };
}

/** What the file says of its own encoding (HTML Standard, 13.2.3.2, and the XML declaration). */
async function declaredCharset(path: string): Promise<string | undefined> {
  const start = (await readBytes(path, DECLARATION_BYTES)).toString('latin1').toLowerCase();
  const match = /(?:charset|encoding)\s{0,9}=\s{0,9}["']?([a-z0-9_-]{2,40})/.exec(start);
  return match?.[1];
}
