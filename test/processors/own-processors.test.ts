import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { DEFAULT_LIMITS } from '../../src/processors/limits.ts';
import { createVersions } from '../../src/processors/versions.ts';
import { until } from '../until.ts';
import { removeFolder, startService, temporaryFolder, type Service } from '../service.ts';

const EXAMPLE = new URL('../../examples/processors/recipe.ts', import.meta.url).pathname;

const RECIPES = `MMMMM----- Recipe via Meal-Master (tm) v8.02

      Title: Oat soup
 Categories: Soups
      Yield: 4 servings

    100 g  oats
           Toast the oats until they smell of nuts.
MMMMM
`;

function ownProcessor(name: string, extension: string, body: string, more = ''): string {
  return `export default { name: '${name}', version: 1, kinds: ['text'], label: 'a test', extensions: ['${extension}'],${more}
    async *read(file) { ${body} } };`;
}

/** What its message may not hold is the path of our copy. */
const BROKEN: Record<string, string> = {
  'syntax.ts': 'export default {',
  'nothing.ts': 'export const processor = {};',
  'shape.js': 'export default { name: "No Word", version: 1, kinds: [], label: "x", extensions: [".x"] };',
  'throws.js': 'throw new Error("planted at loading");',
  'exits.js': 'process.exit(3);',
  'hangs.ts': 'await new Promise(() => setInterval(() => {}, 1000));',
  'same-name.ts': ownProcessor('pdf', 'xyz', ''),
  'z-same-ending.ts': ownProcessor('other', 'mmf', ''),
};

const WORKING: Record<string, string> = {
  'csv.js': ownProcessor('cards', 'csv', 'yield { sections: [{ text: "replaced " + file.name }] };'),
  'loop.js': ownProcessor('loop', 'loop', 'for (;;);'),
  'fails.js': ownProcessor('fails', 'fails', 'throw new Error("planted in reading");'),
  'named.js': ownProcessor(
    'named',
    'named',
    'throw Object.assign(new Error("It is locked; open it."), { code: "encrypted" });',
  ),
  'wrong.js': ownProcessor('wrong', 'wrong', 'yield { sections: [{ text: 7 }] };'),
  'writes.js': ownProcessor(
    'writes',
    'writes',
    'const fs = await import("node:fs"); fs.writeFileSync("/tmp/limner-planted", "x");',
  ),
  'shares.ts': `import { word } from './lib/word.ts'; ${ownProcessor('shares', 'shares', 'yield { sections: [{ text: word }] };')}`,
};

const Status = z.object({
  processors: z.object({
    own: z.array(z.string()),
    broken: z.array(z.object({ file: z.string(), reason: z.string() })),
  }),
});

describe('processors of the users', () => {
  let folder = '';
  let service: Service;
  const settings = (): Record<string, string> => ({
    LIMNER_PROCESSORS: join(folder, 'own'),
    LIMNER_EXTRACT_SECONDS: '3',
    LIMNER_LOG_LEVEL: 'info',
  });

  beforeAll(async () => {
    folder = await temporaryFolder();
    await mkdir(join(folder, 'own/lib'), { recursive: true });
    await mkdir(join(folder, 'inbox'));
    await cp(EXAMPLE, join(folder, 'own/recipe.ts'));
    await writeFile(join(folder, 'own/lib/word.ts'), 'export const word: string = "shared";');
    for (const [name, source] of Object.entries({ ...BROKEN, ...WORKING }))
      await writeFile(join(folder, 'own', name), source);
    await writeFile(join(folder, 'inbox/soup.mmf'), RECIPES);
    await writeFile(join(folder, 'inbox/bad.mmf'), 'no recipe at all');
    for (const ending of ['csv', 'loop', 'fails', 'named', 'wrong', 'writes', 'shares', 'txt'])
      await writeFile(join(folder, `inbox/a.${ending}`), 'a,b\n1,2\n');
    service = await startService(folder, settings());
  });

  afterAll(async () => {
    await service.kill();
    await removeFolder(folder);
  });

  test('the example is read with its place; failures are told; the service runs on', async () => {
    const documents = await service.quiet(10, 60_000);
    const seen = Object.fromEntries(
      [...documents].map(([uri, { state, error }]) => [
        uri,
        error ? `${error.code}: ${error.message}` : state,
      ]),
    );
    expect(seen).toEqual({
      'soup.mmf': 'searchable',
      'bad.mmf': 'corrupt: The file does not begin as a MealMaster recipe does.',
      'a.csv': 'searchable',
      'a.txt': 'searchable',
      'a.shares': 'searchable',
      'a.loop':
        'timeout: Reading took longer than 3 seconds (LIMNER_EXTRACT_SECONDS); splitting the file may help.',
      'a.fails': 'crashed: The processor "fails" failed on this file: planted in reading',
      'a.named': 'encrypted: It is locked; open it.',
      'a.wrong': expect.stringMatching(/^crashed: The processor "wrong" failed .*sections\.0\.text/),
      'a.writes': expect.stringContaining(
        'crashed: The processor "writes" failed on this file: Access to this API',
      ),
    });
    expect(documents.get('soup.mmf')).toMatchObject({ title: 'Oat soup', processor: 'mealmaster' });
    const answer = await (await service.post('/api/search', { query: 'toast oats nuts' })).json();
    expect(answer).toMatchObject({ hits: [{ headings: ['Oat soup'], document: { uri: 'soup.mmf' } }] });
    expect((await service.get('/healthz')).status).toBe(200);
  });

  test('what is broken is named with its reason, and a replaced reader is logged', async () => {
    const { processors } = Status.parse(await (await service.get('/api/status')).json());
    expect(processors.own.toSorted()).toEqual([
      'cards',
      'fails',
      'loop',
      'mealmaster',
      'named',
      'shares',
      'writes',
      'wrong',
    ]);
    const reasons = Object.fromEntries(processors.broken.map(({ file, reason }) => [file, reason]));
    expect(reasons).toEqual({
      'syntax.ts': expect.stringMatching(/./),
      'nothing.ts': 'It has no default export; export the processor as default.',
      'shape.js': expect.stringMatching(/name: must be a lower-case word.*extensions\.0.*read: must be/),
      'throws.js': 'planted at loading',
      'exits.js': 'It ended the process that loaded it.',
      'hangs.ts': 'It did not load within 10 seconds.',
      'same-name.ts': 'Another processor is named "pdf".',
      'z-same-ending.ts': 'The processor "mealmaster" reads .mmf files already.',
    });
    expect(service.log()).toMatch(/a processor of yours replaces a built-in one/);
    expect(service.log()).toMatch(/"processor":"cards","replaces":"csv","extensions":\["csv"\]/);
    const { chunks } = z
      .object({ chunks: z.number() })
      .parse((await service.documents()).find(({ uri }) => uri === 'a.csv'));
    expect(chunks).toBe(1);
  });

  test('a changed processor reads its documents again', async () => {
    await service.stop();
    const changed = ownProcessor('cards', 'csv', 'yield { sections: [{ text: "anew" }] };');
    await writeFile(join(folder, 'own/csv.js'), changed);
    for (const name of Object.keys(BROKEN)) await rm(join(folder, 'own', name));
    service = await startService(folder, settings());
    const hits = await until(async () => {
      const answer = await (await service.post('/api/search', { query: 'anew' })).json();
      const { hits } = z.object({ hits: z.array(z.object({ text: z.string() })) }).parse(answer);
      return hits.length > 0 ? hits : undefined;
    }, 'the document of the changed processor');
    expect(hits).toMatchObject([{ text: 'anew' }]);
    expect((await service.quiet(10, 60_000)).get('a.csv')).toMatchObject({ state: 'searchable' });
  });
});

test('the version of an extension counts the processors that can read it', async () => {
  const source = await readFile(EXAMPLE, 'utf8');
  expect(source).toContain("extensions: ['mmf']");
  const own = {
    name: 'mealmaster',
    version: 1,
    kinds: ['text'],
    label: 'x',
    extensions: ['mmf'],
    path: '/a',
    digest: '1',
  };
  const without = createVersions(DEFAULT_LIMITS, []);
  const before = createVersions(DEFAULT_LIMITS, [own]);
  const after = createVersions(DEFAULT_LIMITS, [{ ...own, digest: '2' }]);
  const lower = createVersions({ ...DEFAULT_LIMITS, pages: 1 }, []);
  expect(before.of('.html')).toBe(without.of('.html'));
  for (const extension of ['.mmf', '.zip', '.eml', '.unheard', '']) {
    expect(before.of(extension), extension).not.toBe(without.of(extension));
    expect(before.of(extension), extension).not.toBe(after.of(extension));
  }
  expect(before.all).not.toBe(after.all);
  expect(lower.of('.pdf')).not.toBe(without.of('.pdf'));
});

test('a server that writes recordings down makes those new, and nothing else', () => {
  const [deaf, hearing] = [
    createVersions(DEFAULT_LIMITS, []),
    createVersions(DEFAULT_LIMITS, [], 'whisper-1'),
  ];
  expect(hearing.of('.mp3')).not.toBe(deaf.of('.mp3'));
  expect(hearing.of('.mp3')).not.toBe(createVersions(DEFAULT_LIMITS, [], 'large').of('.mp3'));
  expect(hearing.of('.html')).toBe(deaf.of('.html'));
  expect(hearing.all).not.toBe(deaf.all);
});
