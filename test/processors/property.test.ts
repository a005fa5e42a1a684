import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ERRORS } from '../../src/errors.ts';
import { removeFolder, startService, temporaryFolder, type Document, type Service } from '../service.ts';
import { until } from '../until.ts';
import { readingProcesses } from './bed.ts';
import { mutations } from './mutations.ts';

/** Another one each time; to see a failure again, set the one that it printed. */
const SEED = Number(process.env['LIMNER_TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

describe(`random bytes and changed samples, LIMNER_TEST_SEED=${SEED}`, () => {
  const files = mutations(SEED, 1);
  let folder = '';
  let service: Service;
  let documents: Document[] = [];

  beforeAll(async () => {
    folder = await temporaryFolder();
    service = await startService(folder, { LIMNER_EXTRACT_SECONDS: '10', LIMNER_WORKERS: '3' });
    for (const { name, data } of files) await writeFile(join(service.inbox, name), data);
    documents = [...(await service.quiet(files.length, 200_000)).values()];
  }, 240_000);

  afterAll(async () => {
    await service.kill();
    await removeFolder(folder);
  });

  test('there is a file of both sorts for every ending', () => {
    expect(files.length).toBeGreaterThan(300);
    expect(documents).toHaveLength(files.length);
  });

  test('every file ends in a state with, where it failed, a named reason that is not a bug', () => {
    const odd = documents.filter(({ state, error }) => {
      const isNamed = error !== null && Object.hasOwn(ERRORS, error.code) && error.code !== 'internal';
      return state === 'failed' ? !isNamed : state !== 'searchable' && state !== 'empty';
    });
    expect(odd.map(({ uri, state, error }) => [uri, state, error])).toEqual([]);
  });

  test('some were read and some refused, so that the changes are neither too small nor too large', () => {
    const states = new Map<string, number>();
    for (const { state } of documents) states.set(state, (states.get(state) ?? 0) + 1);
    for (const state of ['searchable', 'failed']) expect(states.get(state), state).toBeGreaterThan(50);
  });

  test('the service runs on and no child is left', async () => {
    expect((await service.get('/healthz')).status).toBe(200);
    expect(service.process.exitCode).toBeNull();
    await writeFile(join(service.inbox, 'good.md'), '# Good\n\nA good file.\n');
    expect((await service.quiet(files.length + 1)).get('good.md')?.state).toBe('searchable');
    await until(() => readingProcesses(service.process.pid).length === 0, 'the readers to end', 60_000);
    expect(await service.stop()).toBe(0);
  }, 90_000);
});
