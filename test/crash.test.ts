import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { removeFolder, startService, temporaryFolder, type Document, type Service } from './service.ts';
import { until } from './until.ts';

const FILES = 200;
const KILLS = 4;

/** One worker, so that the kills meet it at work. */
const SLOWLY = { LIMNER_WORKERS: '1' };

const Status = z.object({ documents: z.record(z.string(), z.number()), chunks: z.number() });
const Hits = z.object({ hits: z.array(z.object({ document: z.object({ uri: z.string() }) })) });

let folder: string;
let service: Service | undefined;

beforeAll(async () => {
  folder = await temporaryFolder();
  await mkdir(join(folder, 'inbox', 'shelf'), { recursive: true });
  for (let number = 0; number < FILES; number++)
    await writeFile(
      join(folder, 'inbox', 'shelf', `${number}.${number % 2 ? 'md' : 'html'}`),
      textOf(number),
    );
});

afterAll(async () => {
  await service?.stop();
  await removeFolder(folder);
});

/** Some pages of text with a word that no other file has. */
function textOf(number: number): string {
  const paragraph = `<p>Entry ${number} of the register, kept by the clerk of the harbour. ${'Tides and tonnage. '.repeat(30)}</p>\n\n`;
  return `${paragraph.repeat(6)}<p>The seal of this entry reads quixot${number}zz.</p>\n`;
}

async function searchable(running: Service): Promise<number> {
  const { documents } = Status.parse(await (await running.get('/api/status')).json());
  return documents['searchable'] ?? 0;
}

async function hitsOf(running: Service, number: number): Promise<string[]> {
  const response = await running.post('/api/search', { query: `quixot${number}zz` });
  return Hits.parse(await response.json()).hits.map(({ document }) => document.uri);
}

it(
  `survives ${KILLS} kills while it reads ${FILES} files: each ends searchable, once`,
  { timeout: 120_000 },
  async () => {
    for (let kill = 1; kill <= KILLS; kill++) {
      const running = (service = await startService(folder, SLOWLY));
      await until(
        async () => (await searchable(running)) >= (kill * FILES) / (KILLS + 2),
        `a part of the files before kill ${kill}`,
      );
      expect(await searchable(running)).toBeLessThan(FILES);
      await running.kill();
    }

    const running = (service = await startService(folder, SLOWLY));
    const documents = await running.quiet(FILES, 60_000);
    expect(documents.size).toBe(FILES);
    expectAllSearchable([...documents.values()]);
    for (let number = 0; number < FILES; number++) {
      const hits = await hitsOf(running, number);
      expect(hits).toEqual([`shelf/${number}.${number % 2 ? 'md' : 'html'}`]);
    }
    const { chunks } = Status.parse(await (await running.get('/api/status')).json());
    expect(chunks).toBe([...documents.values()].reduce((sum, one) => sum + one.chunks, 0));
  },
);

function expectAllSearchable(documents: readonly Document[]): void {
  for (const { uri, state, revision, chunks } of documents) {
    expect({ uri, state, revision }).toEqual({ uri, state: 'searchable', revision: 1 });
    expect(chunks).toBeGreaterThan(1);
  }
}
