import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createModelChange, nameOfModel, previousModel } from '../../src/ingest/model-change.ts';
import { createLog } from '../../src/log.ts';
import { openDatabase, type Database } from '../../src/sqlite.ts';
import { removeFolder, temporaryFolder } from '../service.ts';

let folder: string;
let database: Database;
let inForce: string | undefined;
let scores: (number | undefined)[];

beforeEach(async () => {
  folder = await temporaryFolder();
  database = openDatabase(join(folder, 'test.sqlite'));
  inForce = 'old@1';
  scores = [];
});

afterEach(async () => {
  await database.close();
  await removeFolder(folder);
});

const embedder = (identity: string) => ({
  ready: () => ({ identity }),
  query: () => Promise.resolve(Float32Array.from([identity.length])),
});

const open = () =>
  createModelChange({
    database,
    store: {
      model: () => inForce,
      use: async (model) => void (inForce = model),
      totals: async () => ({ chunks: 10, vectors: 4 }),
      prune: async () => undefined,
    },
    wanted: embedder('new@1'),
    former: embedder('old@1'),
    score: async () => scores.shift(),
    wake: () => undefined,
    recount: async () => undefined,
    log: createLog({ level: 'silent', secrets: [] }),
  });

describe('a new model whose vectors are complete', () => {
  it('comes into force where no golden questions are', async () => {
    const change = open();
    expect(await change.state()).toMatchObject({ model: 'old@1', building: { model: 'new@1', vectors: 4 } });
    expect(change.embedder.ready()).toEqual({ identity: 'old@1' });
    await change.complete('new@1');
    expect(change.embedder.ready()).toEqual({ identity: 'new@1' });
    expect(await change.state()).toMatchObject({
      model: 'new@1',
      previous: 'old@1',
      building: null,
      compared: null,
    });
    expect(previousModel(database)).toBe('old@1');
    expect(change.needed()).toEqual(['old@1', 'new@1']);
  });

  it.each([
    [0.8, 0.9],
    [0.8, 0.76],
  ])('stays in force where it answers them as well (%f, then %f)', async (before, after) => {
    const change = open();
    scores = [before, after];
    await change.complete('new@1');
    expect(await change.state()).toMatchObject({
      model: 'new@1',
      held: false,
      compared: { from: 'old@1', to: 'new@1', before, after },
    });
  });

  it('is left again where it answers them worse, until somebody insists; also after a restart', async () => {
    scores = [0.8, 0.5];
    await open().complete('new@1');
    expect(inForce).toBe('old@1');
    const again = open();
    expect(await again.state()).toMatchObject({ model: 'old@1', previous: 'new@1', held: true });
    await again.complete('new@1');
    expect(inForce).toBe('old@1');
    await again.forward();
    await again.complete('new@1');
    expect(inForce).toBe('new@1');
    expect(await again.state()).toMatchObject({ held: false, previous: 'old@1' });
  });
});

it('without an earlier model there is none to go back to', async () => {
  await expect(open().back()).rejects.toMatchObject({ code: 'conflict' });
  await expect(open().forward()).rejects.toMatchObject({ code: 'conflict' });
});

it('the name of a model stands before the last sign', () => {
  expect(['gemma@1', 'a@b/c:latest@12', 'plain'].map(nameOfModel)).toEqual([
    'gemma',
    'a@b/c:latest',
    'plain',
  ]);
});
