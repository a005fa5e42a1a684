/**
 * One reader over a list of files, in a process of its own (bench/formats.ts starts it): a line of JSON per file with
 * its time in ms and its distinct words, or its error. The peers are found in the folder that bench/formats.ts installed
 * them to; they are no part of Limner.
 */
import { readFileSync, statSync } from 'node:fs';
import { basename, extname } from 'node:path';
import { DEFAULT_LIMITS } from '../src/processors/limits.ts';
import { chooseProcessor, readParts } from '../src/processors/read.ts';
import { messageOf } from '../src/errors.ts';
import { build, call, field, loadFrom } from './untyped.ts';

type Read = (path: string) => Promise<string>;

async function readWithLimner(path: string): Promise<string> {
  const file = { path, name: basename(path), bytes: statSync(path).size };
  const processor = await chooseProcessor(file, DEFAULT_LIMITS, []);
  if (!processor || 'path' in processor) return '';
  const texts: string[] = [];
  for await (const { title, sections } of readParts(processor, file, DEFAULT_LIMITS)) {
    if (title) texts.push(title);
    for (const { text, headings } of sections ?? []) texts.push(...(headings ?? []), text);
  }
  return texts.join('\n');
}

/** The loader of LangChain that its documentation names for an ending. */
const LOADERS: Readonly<Record<string, [file: string, name: string]>> = {
  '.pdf': ['fs/pdf', 'PDFLoader'],
  '.docx': ['fs/docx', 'DocxLoader'],
  '.doc': ['fs/docx', 'DocxLoader'],
  '.pptx': ['fs/pptx', 'PPTXLoader'],
  '.epub': ['fs/epub', 'EPubLoader'],
  '.csv': ['fs/csv', 'CSVLoader'],
  '.srt': ['fs/srt', 'SRTLoader'],
};

async function createRead(engine: string, folder: string): Promise<Read> {
  const load = (name: string): Promise<Record<string, unknown>> => loadFrom(folder, name);
  if (engine === 'limner') return readWithLimner;
  if (engine === 'officeparser') {
    const { parseOffice } = await load('officeparser');
    return async (path) => textOf(field(await call(await call(parseOffice, path), 'to', 'text'), 'value'));
  }
  if (engine === 'markitdown-js') {
    const { default: loaded } = await load('markitdown-js');
    const converter = build(field(loaded, 'default') ?? loaded);
    return async (path) => textOf(field(await call(converter, 'convert', path), 'textContent'));
  }
  return async (path) => {
    const [file, name] = LOADERS[extname(path).toLowerCase()] ?? [];
    if (!file || !name) throw new Error('no loader for this ending');
    const { [name]: Loader } = await load(`@langchain/community/document_loaders/${file}`);
    const loader = build(Loader, path, ...(extname(path) === '.doc' ? [{ type: 'doc' }] : []));
    const documents = await call(loader, 'load');
    return Array.isArray(documents)
      ? documents.map((one) => textOf(field(one, 'pageContent'))).join('\n')
      : '';
  };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** Without those that hold digits: readers number slides and relations in ways of their own. */
function wordsOf(text: string): string[] {
  const words =
    text
      .normalize('NFKC')
      .toLowerCase()
      .match(/[\p{L}\p{N}]{3,40}/gu) ?? [];
  return [...new Set(words)].filter((word) => !/\p{N}/u.test(word));
}

async function main([engine = '', folder = '', list = '']: readonly string[]): Promise<void> {
  const paths = readFileSync(list, 'utf8').split('\n').filter(Boolean);
  const read = await createRead(engine, folder);
  // The first file pays for loading the libraries.
  if (paths[0]) await read(paths[0]).catch((error: unknown) => error);
  for (const path of paths) {
    const start = performance.now();
    const text = await read(path).catch((error: unknown) => ({ error: messageOf(error) }));
    const ms = performance.now() - start;
    const found = typeof text === 'string' ? { words: wordsOf(text) } : text;
    process.stdout.write(`${JSON.stringify({ path, ms, rss: process.resourceUsage().maxRSS, ...found })}\n`);
  }
  process.exit();
}

await main(process.argv.slice(2));
