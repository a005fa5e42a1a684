import { z } from 'zod';
import type { Section, SourceFile } from '../document.ts';
import { LimnerError } from '../errors.ts';
import { decodeWhole } from './charset.ts';
import { scanMarkdown } from './markdown.ts';
import type { Part, Processor } from './processor.ts';
import { createSectioner } from './sectioner.ts';

/** Text comes as one string or as a list of lines (nbformat 4, multiline strings). */
const Multiline = z.union([z.string(), z.array(z.string()).transform((lines) => lines.join(''))]);
const Output = z.object({
  text: Multiline.optional().catch(undefined),
  data: z.object({ 'text/plain': Multiline.optional() }).optional().catch(undefined),
});
const Cell = z.object({
  cell_type: z.string(),
  source: Multiline,
  outputs: z.array(Output).optional().catch(undefined),
});
const Notebook = z.object({ cells: z.array(Cell) });

/** An output longer than this is data, not something to be found. */
const MAX_OUTPUT = 2000;

/** Jupyter notebooks: text and code by the headings of the text, and short outputs. */
export const notebook: Processor = {
  name: 'notebook',
  version: 1,
  kinds: ['notebook'],
  label: 'a Jupyter notebook',
  extensions: ['ipynb'],
  read,
};

async function* read(file: SourceFile): AsyncGenerator<Part> {
  const { cells } = parse(await decodeWhole(file.path, 'utf-8'));
  const sectioner = createSectioner();
  for (const cell of cells) {
    const text = cell.cell_type === 'markdown' ? cell.source : `\`\`\`\n${cell.source}\n\`\`\``;
    const outputs = (cell.outputs ?? []).map(outputText).filter((output) => output.trim() !== '');
    for (const line of scanMarkdown([text, ...outputs].join('\n\n'))) sectioner.add(line);
    sectioner.add({ text: '' });
  }
  const { title } = sectioner;
  const sections: Section[] = sectioner.finish();
  yield { sections, ...(title && { title }) };
}

function outputText({ text, data }: z.infer<typeof Output>): string {
  const output = text ?? data?.['text/plain'] ?? '';
  return output.length > MAX_OUTPUT ? '' : output;
}

function parse(source: string): z.infer<typeof Notebook> {
  try {
    return Notebook.parse(JSON.parse(source));
  } catch (cause) {
    if (!(cause instanceof SyntaxError || cause instanceof z.ZodError)) throw cause;
    throw new LimnerError('corrupt', 'The notebook is damaged or of an old format; open and save it again.', {
      cause,
    });
  }
}
