import { spawn } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { createTable, PROCESSORS } from '../src/processors/table.ts';

const pathOf = (name: string): string => fileURLToPath(new URL(`../${name}`, import.meta.url));

/** Every layer with what it must not import. A rule that is written wrong refuses nothing, and nobody notices. */
const REFUSED: readonly [file: string, from: string][] = [
  ['src/document.ts', './store/store.ts'],
  ['src/errors.ts', './config.ts'],
  ['src/sqlite.ts', './ingest/queue.ts'],
  ['src/log.ts', './api/server.ts'],
  ['src/metrics.ts', './app.ts'],
  ['src/points.ts', './secrets.ts'],
  ['src/processors/pdf.ts', '../store/store.ts'],
  ['src/models/ollama-chat.ts', '../processors/table.ts'],
  ['src/store/store.ts', '../models/ollama.ts'],
  ['src/comfy/client.ts', '../models/ollama.ts'],
  ['src/store/embedded.ts', '../ingest/queue.ts'],
  ['src/comfy/pool.ts', '../pictures.ts'],
  ['src/models/embed.ts', '../config.ts'],
  ['src/ingest/worker.ts', '../ask/ask.ts'],
  ['src/ingest/queue.ts', '../api/server.ts'],
  ['src/ingest/scan.ts', '../app.ts'],
  ['src/ask/ask.ts', '../ingest/catalogue.ts'],
  ['src/ask/retrieve.ts', '../api/sse.ts'],
  ['src/ask/cite.ts', '../main.ts'],
  ['src/api/chat.ts', '../store/store.ts'],
  ['src/api/search.ts', '../models/ollama.ts'],
  ['src/api/viewer.ts', '../processors/table.ts'],
  ['src/api/images.ts', '../comfy/client.ts'],
  ['src/api/health.ts', '../config.ts'],
  ['src/api/system.ts', '../system.ts'],
  ['src/api/keys.ts', '../commands/keys.ts'],
];

const PERMITTED: readonly [file: string, from: string][] = [
  ['src/errors.ts', './document.ts'],
  ['src/store/chunk-terms.ts', './tokenize.ts'],
  ['src/store/meanings.ts', '../document.ts'],
  ['src/processors/text.ts', '../errors.ts'],
  ['src/ingest/pipeline.ts', '../store/store.ts'],
  ['src/ask/quote.ts', '../store/tokenize.ts'],
  ['src/ask/chat-port.ts', '../models/ollama.ts'],
  ['src/api/documents.ts', '../ingest/documents.ts'],
  ['src/api/server.ts', '../ask/ask.ts'],
  ['src/app.ts', './store/embedded.ts'],
  ['src/main.ts', './command-line.ts'],
  ['src/commands/service.ts', '../app.ts'],
];

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'limner-layers-'));
  await copyFile(pathOf('.oxlintrc.json'), join(folder, '.oxlintrc.json'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const Report = z.object({ diagnostics: z.array(z.object({ code: z.string(), filename: z.string() })) });

/** Plants the imports as a tree of their own, and returns the files that the rules of layers refuse. */
async function refusedOf(tree: string, imports: readonly [file: string, from: string][]): Promise<string[]> {
  for (const [file, from] of imports) {
    await mkdir(dirname(join(folder, tree, file)), { recursive: true });
    await writeFile(
      join(folder, tree, file),
      `import { thing } from '${from}';\nexport const other = thing;\n`,
    );
  }
  await copyFile(join(folder, '.oxlintrc.json'), join(folder, tree, '.oxlintrc.json'));
  const lint = spawn(pathOf('node_modules/.bin/oxlint'), ['--format', 'json', 'src'], {
    cwd: join(folder, tree),
  });
  const { diagnostics } = Report.parse(JSON.parse(await text(lint.stdout)));
  const layers = diagnostics.filter(({ code }) => code.includes('no-restricted-imports'));
  return layers.map(({ filename }) => filename.replaceAll('\\', '/'));
}

test('an import across the layers is refused', async () => {
  const refused = await refusedOf('refused', REFUSED);
  expect(refused.toSorted()).toEqual(REFUSED.map(([file]) => file).toSorted());
});

test('an import down the layers passes', async () => {
  expect(await refusedOf('permitted', PERMITTED)).toEqual([]);
});

test('a second processor for one extension stops the start', () => {
  const [first] = PROCESSORS;
  if (!first) throw new Error('There is no processor.');
  const second = { ...first, name: 'second', kind: 'second' };
  expect(() => createTable([...PROCESSORS, second])).toThrow(/both claim/);
});
