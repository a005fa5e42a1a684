/**
 * Compares what reads documents here with the closest JavaScript peers, each reader and format in a process of its own.
 *
 *     node bench/formats.ts [folder [files per format]]        (default: test/fixtures, 40)
 *
 * Prints for each format and reader: files read of those there, files per second, the share of words kept, and the most
 * memory. Words are the distinct ones of three to forty letters; those of a file are all that any of the readers found in
 * it, which is no truth but the same for all. A file that takes longer than 20 s counts as a hang. The peers are installed
 * from the registry into a folder of their own (node_modules/.cache/limner-peers), once.
 */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';

const PEERS = [
  'officeparser@8.1.1',
  'markitdown-js@0.0.14',
  '@langchain/community@1.1.29',
  '@langchain/core@1.2.13',
  '@langchain/classic',
  'mammoth@1.13.0',
  'word-extractor@1.0.4',
  'pdf-parse@1.1.1',
  'epub2',
  'html-to-text',
  'd3-dsv@2',
  'srt-parser-2',
];
const ENGINES = ['limner', 'officeparser', 'markitdown-js', 'langchain'];
const FORMATS =
  'pdf docx doc rtf odt pptx ppt odp xlsx xls xlsb ods csv html epub eml msg ipynb json xml md rst tex srt zip';
const HANG_MS = 20_000;

const Line = z.object({
  path: z.string(),
  ms: z.number(),
  rss: z.number(),
  words: z.array(z.string()).optional(),
  error: z.string().optional(),
});
type Line = z.infer<typeof Line>;

function installPeers(): string {
  const folder = resolve('node_modules/.cache/limner-peers');
  if (existsSync(join(folder, 'node_modules/officeparser'))) return folder;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{"name":"limner-peers","private":true}');
  const options = ['--no-audit', '--no-fund', '--legacy-peer-deps', '--ignore-scripts'];
  execFileSync('npm', ['install', '--prefix', folder, ...options, ...PEERS], { stdio: 'ignore' });
  return folder;
}

/** Runs one reader over files; starts it again after a file that hangs or ends it. */
async function run(engine: string, peers: string, paths: readonly string[]): Promise<Line[]> {
  const lines: Line[] = [];
  while (lines.length < paths.length) {
    const rest = paths.slice(lines.length);
    const more = await runOnce(engine, peers, rest);
    lines.push(...more);
    const failed = rest[more.length];
    if (failed !== undefined) lines.push({ path: failed, ms: HANG_MS, rss: 0, error: 'hang or crash' });
  }
  return lines;
}

async function runOnce(engine: string, peers: string, paths: readonly string[]): Promise<Line[]> {
  const folder = mkdtempSync(join(tmpdir(), 'limner-bench-'));
  writeFileSync(join(folder, 'list'), paths.join('\n'));
  const script = join(import.meta.dirname, 'peers.ts');
  const child = spawn(
    process.execPath,
    ['--max-old-space-size=1024', script, engine, peers, join(folder, 'list')],
    {
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
  const lines: Line[] = [];
  const kill = (): void => void child.kill('SIGKILL');
  let clock = setTimeout(kill, HANG_MS * 2);
  for await (const text of createInterface({ input: child.stdout })) {
    clearTimeout(clock);
    clock = setTimeout(kill, HANG_MS);
    // Libraries write to the standard output as well, and a reader may be killed in the middle of a line.
    if (text.startsWith('{"path"') && text.endsWith('}')) lines.push(Line.parse(JSON.parse(text)));
  }
  clearTimeout(clock);
  rmSync(folder, { recursive: true });
  return lines;
}

/** For each file all words that any reader found. */
function unionOf(results: readonly Line[][]): Map<string, Set<string>> {
  const union = new Map<string, Set<string>>();
  for (const { path, words = [] } of results.flat()) {
    const all = union.get(path) ?? new Set<string>();
    for (const word of words) all.add(word);
    union.set(path, all);
  }
  return union;
}

function cell(lines: readonly Line[], union: ReadonlyMap<string, ReadonlySet<string>>): string {
  const read = lines.filter(({ words }) => words !== undefined);
  if (read.length === 0) return '-';
  const ms = read.reduce((sum, line) => sum + line.ms, 0);
  const shares = lines
    .map(({ path, words = [] }) => ({ found: words.length, all: union.get(path)?.size ?? 0 }))
    .filter(({ all }) => all > 0)
    .map(({ found, all }) => found / all);
  const kept = shares.reduce((sum, share) => sum + share, 0) / (shares.length || 1);
  const memory = Math.max(...lines.map(({ rss }) => rss)) / 1024;
  const speed = (read.length / ms) * 1000;
  return `${read.length}, ${speed < 10 ? speed.toFixed(1) : speed.toFixed(0)}/s, ${(kept * 100).toFixed(0)} %, ${memory.toFixed(0)} MB`;
}

/** The files of an ending; a few alone are read several times over, so that the speed means something. */
function pick(all: readonly string[], ending: string, most: number): string[] {
  const found = all.filter((path) => extname(path).toLowerCase() === `.${ending}`).slice(0, most);
  return found.length > 0 && found.length < 5 ? Array.from({ length: 20 }, () => found).flat() : found;
}

async function main(folder: string, most: number): Promise<void> {
  const peers = installPeers();
  const all = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((path) => join(resolve(folder), path))
    .filter((path) => statSync(path).isFile())
    .toSorted();
  console.log(`| format | files | ${ENGINES.join(' | ')} |\n| --- | --- |${' --- |'.repeat(ENGINES.length)}`);
  for (const ending of FORMATS.split(' ')) {
    const paths = pick(all, ending, most);
    if (paths.length === 0) continue;
    const results: Line[][] = [];
    for (const engine of ENGINES) results.push(await run(engine, peers, paths));
    const union = unionOf(results);
    console.log(
      `| ${ending} | ${paths.length} | ${results.map((lines) => cell(lines, union)).join(' | ')} |`,
    );
  }
}

await main(process.argv[2] ?? 'test/fixtures', Number(process.argv[3] ?? 40));
