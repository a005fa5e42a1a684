/**
 * What Limner adds to a picture: its own time per job beside a bare script that posts and waits on the WebSocket, and
 * how busy it keeps four workers with 200 jobs. The workers are the fake server of the tests; their runs take as long
 * as they are told to.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { createImages } from '../src/comfy/images.ts';
import { createLog } from '../src/log.ts';
import { openDatabase } from '../src/sqlite.ts';
import { createFakeComfy, type FakeComfy } from '../test/fakes/comfyui.ts';

const SECONDS = 0.2;
const ROUNDS = 40;
const JOBS = 200;
const WORKERS = 4;

const graph = (color: number) => ({
  1: { class_type: 'EmptyImage', inputs: { width: 64, height: 64, batch_size: 1, color } },
  5: { class_type: 'ProbeSlow', inputs: { image: ['1', 0], steps: 4, seconds: SECONDS } },
  9: { class_type: 'SaveImage', inputs: { images: ['5', 0], filename_prefix: `bench/${color}` } },
});

const MANIFEST = `
workflows:
  - name: bench
    file: bench.json
    inputs:
      color: {kind: seed, max: 16777215, to: [{class: EmptyImage, input: color}]}
`;

/** Posts a graph, waits for its end on the socket, and downloads the picture. */
async function bareRun(url: string, color: number): Promise<void> {
  const clientId = randomUUID();
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws?clientId=${clientId}`);
  await once(socket, 'open');
  const promptId = randomUUID();
  const ended = new Promise<void>((resolve) => {
    socket.on('message', (data, isBinary) => {
      if (isBinary || !Buffer.isBuffer(data)) return;
      const { type, data: said } = JSON.parse(data.toString());
      if (type === 'executing' && said.node === null && said.prompt_id === promptId) resolve();
    });
  });
  const body = JSON.stringify({ prompt: graph(color), prompt_id: promptId, client_id: clientId });
  await fetch(`${url}/prompt`, { method: 'POST', body });
  await ended;
  const history = await (await fetch(`${url}/history/${promptId}`)).json();
  const [file] = history[promptId].outputs['9'].images;
  await (await fetch(`${url}/view?${new URLSearchParams(file).toString()}`)).arrayBuffer();
  socket.close();
}

async function openImages(folder: string, workers: FakeComfy[]) {
  await writeFile(join(folder, 'manifest.yml'), MANIFEST);
  await writeFile(join(folder, 'bench.json'), JSON.stringify(graph(0)));
  const database = openDatabase(join(folder, `${randomUUID()}.sqlite`));
  const log = createLog({ level: 'warn', secrets: [] });
  const images = await createImages(
    { workers: workers.map(({ url }) => url), workflows: folder, media: join(folder, 'media') },
    { database, log },
  );
  await images.look();
  await images.start();
  const end = async (): Promise<void> => {
    await images.close();
    await database.close();
  };
  return { images, end };
}

const median = (values: number[]): number =>
  values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0;
const format = (value: number): string => value.toFixed(1);

async function timeOf(action: () => Promise<unknown>): Promise<number> {
  const since = performance.now();
  await action();
  return performance.now() - since;
}

const folder = await mkdtemp(join(tmpdir(), 'limner-bench-'));
const workers = await Promise.all(Array.from({ length: WORKERS }, () => createFakeComfy()));
const [first] = workers;
if (!first) throw new Error('There is no worker.');

const { images, end } = await openImages(folder, [first]);
const bare: number[] = [];
const ours: number[] = [];
// In turn, so that both meet the same machine.
for (let round = 0; round < ROUNDS; round++) {
  bare.push(await timeOf(() => bareRun(first.url, 10_000 + round)));
  ours.push(
    await timeOf(async () => {
      const { id } = await images.submit({ workflow: 'bench', inputs: { color: round } });
      await images.wait(id, AbortSignal.timeout(60_000));
    }),
  );
}
await end();

const many = await openImages(folder, workers);
const before = workers.map((worker) => worker.busyMs());
const all = await timeOf(async () => {
  const jobs = [];
  for (let at = 0; at < JOBS; at++)
    jobs.push(await many.images.submit({ workflow: 'bench', inputs: { color: 100_000 + at } }));
  await Promise.all(jobs.map(({ id }) => many.images.wait(id, AbortSignal.timeout(120_000))));
});
const busy = workers.map((worker, at) => (100 * (worker.busyMs() - (before[at] ?? 0))) / all);
await many.end();
await Promise.all(workers.map((worker) => worker.stop()));
await rm(folder, { recursive: true, force: true });

process.stdout.write(
  [
    `one job, median of ${ROUNDS}: bare script ${format(median(bare))} ms, Limner ${format(median(ours))} ms, ours ${format(median(ours) - median(bare))} ms`,
    `${JOBS} jobs over ${WORKERS} workers: ${format(all / 1000)} s, workers busy ${busy.map((one) => `${format(one)} %`).join(', ')}`,
    '',
  ].join('\n'),
);
