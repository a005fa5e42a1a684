import { z } from 'zod';
import type { Section, SourceFile } from '../document.ts';
import { LimnerError } from '../errors.ts';
import { decodeWhole } from './charset.ts';
import { cutText } from './cut.ts';
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
const Named = z.object({ name: z.string().optional(), language: z.string().optional() });
const Metadata = z.object({
  language_info: Named.optional().catch(undefined),
  kernelspec: Named.optional().catch(undefined),
});
const Notebook = z.object({ cells: z.array(Cell), metadata: Metadata.optional().catch(undefined) });

/** What is longer in one output is data: its beginning is kept. */
const MAX_OUTPUT = 20_000;

/** Jupyter notebooks: text and code by the headings of the text, and outputs. */
export const notebook: Processor = {
  name: 'notebook',
  version: 3,
  kinds: ['notebook'],
  label: 'a Jupyter notebook',
  extensions: ['ipynb'],
  read,
};

async function* read(file: SourceFile): AsyncGenerator<Part> {
  const { cells, metadata } = parse(await decodeWhole(file.path, 'utf-8'));
  const language = languageOf(metadata);
  const sectioner = createSectioner();
  for (const cell of cells) {
    const text = cell.cell_type === 'markdown' ? cell.source : `\`\`\`${language}\n${cell.source}\n\`\`\``;
    const outputs = (cell.outputs ?? []).map(outputText).filter((output) => output.trim() !== '');
    for (const line of scanMarkdown([text, ...outputs].join('\n\n'))) sectioner.add(line);
    sectioner.add({ text: '' });
  }
  const { title } = sectioner;
  const sections: Section[] = sectioner.finish();
  const isCut = cells.some(({ outputs = [] }) =>
    outputs.some((output) => plainOf(output).length > MAX_OUTPUT),
  );
  yield { sections, ...(title && { title }), ...(isCut && { warnings: [CUT_WARNING] }) };
}

/** What the code of a notebook is written in, as a word to stand behind the fence. */
function languageOf(metadata: z.infer<typeof Metadata> | undefined): string {
  const name = metadata?.language_info?.name ?? metadata?.kernelspec?.language ?? '';
  return /^[\w+#.-]{1,30}$/.test(name) ? name.toLowerCase() : '';
}

const CUT_WARNING = `Of outputs longer than ${MAX_OUTPUT} characters only the beginning is searchable.`;

function outputText(output: z.infer<typeof Output>): string {
  return cutText(plainOf(output), MAX_OUTPUT);
}

function plainOf({ text, data }: z.infer<typeof Output>): string {
  return text ?? data?.['text/plain'] ?? '';
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
