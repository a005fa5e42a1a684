import { copyFile, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import type { Point } from '../src/points.ts';
import type { Order } from './fakes/chaos-preload.ts';
import { chatModel, createFakeOllama, embedModel, type FakeOllama, type Fault } from './fakes/ollama.ts';
import { filesOf } from './files-of.ts';
import { removeFolder, startService, temporaryFolder, type Service } from './service.ts';
import { until } from './until.ts';

/** Histories of the real process on a folder: what people and programs do, and what goes wrong meanwhile. */

const PRELOAD = fileURLToPath(new URL('./fakes/chaos-preload.ts', import.meta.url));

export const POINTS: Point[] = [
  'upload kept',
  'upload listed',
  'upload placed',
  'claimed',
  'taken',
  'extracted',
  'cached',
  'storing',
  'stored',
  'removed',
  'moved',
  'finished',
  'embedded',
  'vectors stored',
];

export const FAULTS: Pick<Fault, 'kind' | 'status'>[] = [
  { kind: 'status', status: 500 },
  { kind: 'status', status: 503 },
  { kind: 'html' },
  { kind: 'truncated json' },
  { kind: 'fewer vectors' },
  { kind: 'nan' },
  { kind: 'reset' },
];

export type Operation =
  | { do: 'write'; name: string; word: string }
  | { do: 'append' | 'delete'; name: string }
  | { do: 'move' | 'copy' | 'move folder'; from: string; to: string }
  | { do: 'send' | 'unsend'; id: string; word: string }
  | { do: 'kill at'; point: Point; after: number }
  | { do: 'kill' | 'stop' | 'quiet' }
  | { do: 'fail commits'; times: number; errcode: 10 | 13 }
  | { do: 'clock'; offsetMs: number }
  | { do: 'model fault'; fault: number }
  | { do: 'model gone' | 'model back' };

/** One history: a folder, the service on it, the model server, and what was acknowledged. */
export interface Play {
  folder: string;
  inbox: string;
  ollama: FakeOllama;
  modelUp: boolean;
  service: Service | undefined;
  clockMs: number;
  /** Counts the texts that were made up, so that each is new. */
  texts: number;
  /** Last text that was answered 202 under each external id; undefined where a request broke off. */
  sent: Map<string, string | undefined>;
}

export const kills = new Map<string, number>();

export async function running(play: Play): Promise<Service> {
  const { service } = play;
  if (service && !hasEnded(service)) return service;
  const started = await startService(
    play.folder,
    {
      LIMNER_WORKERS: '1',
      LIMNER_FORGET_SHARE: '1',
      OLLAMA_HOST: play.ollama.url,
      LIMNER_EMBED_MODEL: 'embeddinggemma',
      CHAOS_CLOCK_MS: String(play.clockMs),
    },
    { preload: PRELOAD },
  );
  play.service = started;
  // A start that fails ends the process, which is right; the faults to come are meant for what runs.
  await until(() => hasEnded(started) || started.log().includes('"msg":"watching"'), 'the service to watch');
  return started;
}

/** Plans the end of the process, gives it work that leads there, and lets it work until it is done or ended; gives it. */
export async function killAt(
  play: Play,
  { point, after }: { point: Point; after: number },
): Promise<Service['process']> {
  const { process } = await running(play);
  process.once('exit', (_code, signal) => {
    if (signal === 'SIGKILL') kills.set(point, (kills.get(point) ?? 0) + 1);
  });
  await order(play, { order: 'kill', point, after });
  const fresh = `${play.texts++} kites`;
  if (point.startsWith('upload')) await send(play, { do: 'send', id: 'note-1', word: fresh });
  else if (point === 'removed') await touch(play.inbox, { do: 'delete', name: 'a.txt' });
  else if (point === 'moved') await touch(play.inbox, { do: 'move', from: 'a.txt', to: 'two/c.txt' });
  else await touch(play.inbox, { do: 'write', name: 'a.txt', word: fresh });
  await untilQuiet(play);
  return process;
}

async function order(play: Play, message: Order): Promise<void> {
  const { process } = await running(play);
  process.send?.(message, () => undefined);
}

type Touch = Extract<Operation, { do: 'write' | 'append' | 'delete' | 'move' | 'copy' | 'move folder' }>;

export async function act(play: Play, one: Operation): Promise<void> {
  switch (one.do) {
    case 'send':
    case 'unsend':
      return send(play, one);
    case 'kill at':
      return void (await killAt(play, one));
    case 'kill':
      return (await running(play)).kill();
    case 'stop':
      return void (await (await running(play)).stop());
    case 'quiet':
      return void (await untilQuiet(play));
    case 'fail commits':
      return order(play, { order: 'fail commits', times: one.times, errcode: one.errcode });
    case 'clock':
      play.clockMs = one.offsetMs;
      return order(play, { order: 'clock', offsetMs: one.offsetMs });
    case 'model fault': {
      const fault = FAULTS[one.fault];
      if (fault) play.ollama.plan({ failAt: 'embed', times: 2, ...fault });
      return;
    }
    case 'model gone':
    case 'model back':
      return haveModel(play, one.do === 'model back');
    case 'write':
    case 'append':
    case 'delete':
    case 'move':
    case 'copy':
    case 'move folder':
      await running(play);
      return touch(play.inbox, one);
  }
}

/** What a person or a program does in the folder; what it does not allow changes nothing. */
export async function touch(root: string, one: Touch): Promise<void> {
  try {
    if (one.do === 'write') await put(join(root, one.name), textOf(one.name, one.word));
    else if (one.do === 'append')
      await writeFile(join(root, one.name), '\n\nAnd more of it.\n', { flag: 'r+' });
    else if (one.do === 'delete') await rm(join(root, one.name));
    else if ('to' in one) {
      await mkdir(dirname(join(root, one.to)), { recursive: true });
      await (one.do === 'copy' ? copyFile : rename)(join(root, one.from), join(root, one.to));
    }
  } catch (error) {
    if (!(error instanceof Error) || !('syscall' in error) || error.message.includes('ENOSPC')) throw error;
  }
}

async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

/** Some paragraphs, so that a document has several chunks. */
function textOf(file: string, of: string): string {
  const paragraphs = Array.from(
    { length: 4 },
    (_, at) => `Part ${at} tells of ${of}. ${`The ${of} come and go with the tide. `.repeat(20)}`,
  );
  const text = paragraphs.join('\n\n');
  return file.endsWith('.html') ? `<html><body><p>${paragraphs.join('</p><p>')}</p></body></html>` : text;
}

/** What is answered 202 counts; a request that breaks off may have had its effect or not. */
async function send(play: Play, one: Extract<Operation, { do: 'send' | 'unsend' }>): Promise<void> {
  const service = await running(play);
  const text = textOf('note.txt', `${one.word} of ${one.id}`);
  const body = one.do === 'send' ? { text, external_id: one.id } : { delete: true, external_id: one.id };
  try {
    const response = await service.post('/webhooks/process', body);
    await response.text();
    if (response.status === 404) return;
    if (response.status !== 202) play.sent.set(one.id, undefined);
    else if (one.do === 'send') play.sent.set(one.id, text);
    else play.sent.delete(one.id);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // the process was killed meanwhile
    play.sent.set(one.id, undefined);
  }
}

export async function haveModel(play: Play, up: boolean): Promise<void> {
  if (play.modelUp === up) return;
  play.modelUp = up;
  await (up ? play.ollama.start() : play.ollama.stop());
}

/** Faults end here: waits until all is read and has its vectors. */
export async function settle(play: Play): Promise<void> {
  play.ollama.heal();
  await haveModel(play, true);
  await (await running(play)).stop();
  play.clockMs = 0;
  if (await untilQuiet(play)) throw new Error('The service ended although nothing was planned.');
}

/** True when the process ended before it was quiet. */
export async function untilQuiet(play: Play): Promise<boolean> {
  const service = await running(play);
  try {
    // What changed before this is found by this scan at the latest.
    await (await service.post('/api/inbox/scan', {})).text();
    await until(() => hasEnded(service) || isQuiet(play, service), 'the service to be quiet', 40_000);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // it ended between two questions
    await until(() => hasEnded(service), 'the end of the process');
  }
  return hasEnded(service);
}

const hasEnded = ({ process }: Service): boolean => process.exitCode !== null || process.signalCode !== null;

/** Seen first: what is seen and not done yet shows in the status from then on. */
async function isQuiet(play: Play, service: Service): Promise<boolean> {
  if (!(await isSeen(play, service))) return false;
  const { documents, chunks, vectors, jobs, settling } = await statusOf(service);
  const busy = ['seen', 'waiting', 'working'].some((state) => (documents[state] ?? 0) > 0);
  const isEmbedded = !play.modelUp || chunks - vectors <= passedOver(service);
  const isDone = !busy && jobs === 0 && settling === 0 && isEmbedded;
  return isDone && (await isCounted(service, vectors));
}

/** Passages that the model failed on too often wait for the next start, which comes before the end. */
const passedOver = (service: Service): number =>
  service.log().split('a passage has no vector: the model fails on it').length - 1;

/** The ledger counts vectors when they are on the disk, a little after the store has them. */
async function isCounted(service: Service, vectors: number): Promise<boolean> {
  const counted = (await service.documents()).reduce((sum, document) => sum + document.vectors, 0);
  return counted === vectors;
}

interface Status {
  documents: Record<string, number>;
  chunks: number;
  vectors: number;
  jobs: number;
  settling: number;
}

const statusOf = async (service: Service): Promise<Status> =>
  JSON.parse(await (await service.get('/api/status')).text());

/** Whether the ledger has exactly the files of the folder. */
async function isSeen(play: Play, service: Service): Promise<boolean> {
  const rows = (await service.documents()).filter(
    ({ state, source }) => state !== 'gone' && source === 'inbox',
  );
  const listed = rows.map(({ uri }) => uri).toSorted();
  return JSON.stringify(listed) === JSON.stringify([...(await filesOf(play.inbox)).keys()].toSorted());
}

/** Everything that matters of a data folder, without ids, times and counts of tries. */
function dump(data: string): unknown {
  const database = new DatabaseSync(join(data, 'limner.sqlite'), { readOnly: true });
  try {
    const documents = database
      .prepare(
        `select source, uri, collection, state, error_code, error_message, hash, d.chunks, d.vectors,
           (select json_group_array(json_array(c.text, c.model, hex(v.data))) from
             (select * from chunk where document_id = d.id order by ordinal) c
             left join vector v on v.embedding_key = c.embedding_key and v.model = c.model) as passages
         from document d where state != 'gone' order by source, uri`,
      )
      .all();
    const one = (sql: string): unknown => Object.values(database.prepare(sql).get() ?? {})[0];
    return {
      documents,
      chunks: one('select count(*) from chunk'),
      strays: one('select count(*) from chunk where document_id not in (select id from document)'),
      jobs: one('select count(*) from job'),
    };
  } finally {
    database.close();
  }
}

/** The folder and the index say the same, and a fresh service that is given the same says the same too. */
export async function checkInvariant(play: Play): Promise<void> {
  const service = await running(play);
  const verified = await (await service.get('/api/verify?deep=true')).json();
  expect(verified).toMatchObject({ findings: [] });
  await service.stop();
  const fresh: Play = {
    ...play,
    folder: await temporaryFolder(),
    inbox: '',
    texts: 0,
    service: undefined,
  };
  fresh.inbox = join(fresh.folder, 'inbox');
  try {
    for (const [path, text] of await filesOf(play.inbox)) await put(join(fresh.inbox, path), text);
    const again = await running(fresh);
    const kept = (await documentsIn(play)).filter(([external]) => isUnsure(play, external));
    for (const [external, text] of [...play.sent, ...kept])
      if (text !== undefined)
        expect((await again.post('/webhooks/process', { text, external_id: external })).status).toBe(202);
    await settle(fresh);
    await fresh.service?.stop();
    expect(dump(join(play.folder, 'data'))).toEqual(dump(join(fresh.folder, 'data')));
  } finally {
    await fresh.service?.stop();
    await removeFolder(fresh.folder);
  }
}

const isUnsure = ({ sent }: Play, external: string): boolean =>
  sent.has(external) && sent.get(external) === undefined;

/** What was sent, as it lies in the data folder: external id and text. */
async function documentsIn(play: Play): Promise<[string, string][]> {
  const database = new DatabaseSync(join(play.folder, 'data', 'limner.sqlite'), { readOnly: true });
  const rows = database
    .prepare(`select id, uri from document where source = 'upload' and state != 'gone'`)
    .all()
    .map((row) => ({ id: String(row['id']), uri: String(row['uri']) }));
  database.close();
  const read = async ({ id, uri }: { id: string; uri: string }): Promise<[string, string]> => [
    uri,
    await readFile(join(play.folder, 'data', 'uploads', id), 'utf8'),
  ];
  return Promise.all(rows.map(read));
}

/** Opens a history, and ends all that it started; an error tells the service's last words. */
export async function withPlay(work: (play: Play) => Promise<void>): Promise<void> {
  const folder = await temporaryFolder();
  const play: Play = {
    folder,
    inbox: join(folder, 'inbox'),
    ollama: await createFakeOllama({
      installed: [embedModel({ name: 'embeddinggemma:latest' }), chatModel({ name: 'gemma3:4b' })],
    }),
    modelUp: true,
    service: undefined,
    clockMs: 0,
    texts: 0,
    sent: new Map(),
  };
  await mkdir(play.inbox, { recursive: true });
  try {
    await work(play);
  } catch (error) {
    if (error instanceof Error)
      error.message += `\nThe service's last words: ${play.service?.log().slice(-3000)}`;
    throw error;
  } finally {
    await play.service?.kill();
    await haveModel(play, false);
    await removeFolder(folder);
  }
}
