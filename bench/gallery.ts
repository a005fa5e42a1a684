/**
 * A gallery of many pictures: pages of the list, with filters, through its route, and thumbnails made for the first time
 * and again. `node bench/gallery.ts [jobs]`
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCanvas } from '@napi-rs/canvas';
import { fastify } from 'fastify';
import { z } from 'zod';
import { imageRoutes } from '../src/api/images.ts';
import { createImages } from '../src/comfy/images.ts';
import { createJobs } from '../src/comfy/jobs.ts';
import { createMediaStore, type Media } from '../src/comfy/media.ts';
import { createLog } from '../src/log.ts';
import { openDatabase } from '../src/sqlite.ts';

const JOBS = Number(process.argv[2] ?? 5000);
const PICTURES = 100;
const PASSAGE = 'The keeper of the lighthouse trims the lamp and winds the clockwork. '.repeat(20);

const folder = await mkdtemp(join(tmpdir(), 'limner-gallery-'));
const database = openDatabase(join(folder, 'bench.sqlite'));
const log = createLog({ level: 'silent', secrets: [] });
const workflows = new URL('../workflows', import.meta.url).pathname;
const images = await createImages(
  { workers: [], workflows, media: join(folder, 'media') },
  { database, log },
);
const jobs = createJobs(database);
const media = createMediaStore(join(folder, 'media'), database);

/** A picture as a painter makes it: large, with something in every corner. */
function paint(seed: number): Buffer {
  const canvas = createCanvas(1024, 1024);
  const context = canvas.getContext('2d');
  for (let at = 0; at < 3000; at++) {
    context.fillStyle = `hsl(${(at * 37 + seed * 11) % 360} 60% ${(at * 7) % 100}%)`;
    context.fillRect((at * 131 + seed * 17) % 1024, (at * 71) % 1024, 90, 60);
  }
  return canvas.toBuffer('image/png');
}

const passage = (at: number) => ({
  document: `doc_${at}`,
  collection: `c${at % 20}`,
  title: `Sheet ${at}`,
  page: 1,
  url: `http://localhost/documents/doc_${at}`,
  text: PASSAGE,
});

async function fill(): Promise<string[]> {
  const kept: Media[] = [];
  for (let at = 0; at < PICTURES; at++)
    kept.push(await media.putBytes(paint(at), `${at}.png`, 'image', 'image/png'));
  for (let from = 0; from < JOBS; from += 500)
    await Promise.all(
      Array.from({ length: Math.min(500, JOBS - from) }, async (_, offset) => {
        const at = from + offset;
        const job = await jobs.add({
          workflow: at % 3 === 0 ? 'text-to-image' : 'upscale',
          inputs: { prompt: `A lamp of number ${at} over the sea`, seed: at },
          passages: [passage(at), passage(at + 1), passage(at + 2)],
          fingerprint: `f${at}`,
        });
        const picture = kept[at % PICTURES];
        const kind = at % 1000 === 0 ? ('video' as const) : ('image' as const);
        if (picture) await jobs.finish(job.id, [{ ...picture, kind }]);
      }),
    );
  return kept.map(({ id }) => id);
}

const server = fastify();
imageRoutes(server, { pictures: images });
const Page = z.object({ data: z.array(z.object({ id: z.string() })), next_cursor: z.string().nullable() });

const middle = (times: number[], share = 0.5): string =>
  (times.toSorted((one, other) => one - other)[Math.floor(times.length * share)] ?? Number.NaN).toFixed(1);

/** Every page of a list, one after the other. */
async function pages(name: string, query: string): Promise<void> {
  const times: number[] = [];
  let found = 0;
  for (let cursor: string | null = ''; cursor !== null;) {
    const since = performance.now();
    const response = await server.inject(`/api/images?limit=50${query}${cursor && `&cursor=${cursor}`}`);
    times.push(performance.now() - since);
    const page = Page.parse(response.json());
    found += page.data.length;
    cursor = page.next_cursor;
  }
  process.stdout.write(
    `${name}: ${found} in ${times.length} pages, ms a page p50 ${middle(times)}, p99 ${middle(times, 0.99)}, most ${middle(times, 0.9999)}\n`,
  );
}

async function thumbnails(name: string, ids: readonly string[]): Promise<void> {
  const times: number[] = [];
  const began = performance.now();
  for (const id of ids) {
    const since = performance.now();
    await server.inject(`/media/${id}?size=256`);
    times.push(performance.now() - since);
  }
  const rate = ids.length / ((performance.now() - began) / 1000);
  process.stdout.write(
    `${name}: ${rate.toFixed(0)}/s, ms each p50 ${middle(times)}, p99 ${middle(times, 0.99)}\n`,
  );
}

try {
  const ids = await fill();
  await server.inject('/api/images');
  await pages('all', '');
  await pages('kind=video, 1 in 1000', '&kind=video');
  await pages('workflow', '&workflow=text-to-image');
  await pages('collection, 1 in 20 or so', '&collection=c7');
  await pages('a word of one prompt', '&query=4711');
  await pages('two words of all', '&query=keeper%20lamp');
  await thumbnails('thumbnails made', ids);
  await thumbnails('thumbnails again', ids);
} finally {
  await server.close();
  await images.close();
  await database.close();
  await rm(folder, { recursive: true, force: true });
}
