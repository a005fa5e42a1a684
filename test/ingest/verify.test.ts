import { mkdir, rename, stat, unlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { asYoung, isOf, mayChangeUnseen } from '../../src/ingest/inbox.ts';
import { takeFile } from '../../src/ingest/take.ts';
import { recoverUploads } from '../../src/ingest/uploads.ts';
import { watchModeOf } from '../../src/ingest/watch-mode.ts';
import { removeFolder, temporaryFolder } from '../service.ts';
import { until } from '../until.ts';
import { openBed, type Bed } from './bed.ts';

let folder: string;
let bed: Bed;

beforeEach(async () => {
  folder = await temporaryFolder();
  bed = await openBed(folder);
  await bed.put('a.txt', 'red kites');
  await bed.put('x/b.txt', 'blue herons');
});

afterEach(async () => {
  await bed.close();
  await removeFolder(folder);
});

const problems = async (deep = false): Promise<string[]> =>
  (await bed.verify({ deep })).findings.map(({ uri, problem }) => `${uri ?? ''} ${problem}`);

const send = (text: string): Promise<string> =>
  bed.save({ kind: 'texts', name: 'note', externalId: text, body: Readable.from([Buffer.from(text)]) });

describe('verify', () => {
  it('finds nothing where all is well, and says how much it looked at', async () => {
    await send('grey seals');
    await bed.scan();
    expect(await bed.verify({ deep: true })).toEqual({ documents: 3, files: 2, hashed: 3, findings: [] });
  });

  it.each<[string, (of: Bed) => Promise<unknown>, RegExp]>([
    ['a file without a row', (of) => of.put('new.txt', 'x'), /^new\.txt The file has no row/],
    ['a row without a file', (of) => of.remove('a.txt'), /^a\.txt The ledger has a row/],
    ['a change that was missed', (of) => of.put('a.txt', 'white owls'), /^a\.txt The file has changed/],
    [
      'chunks that are gone',
      (of) => of.store.remove(of.get('a.txt').id),
      /^a\.txt The ledger counts 1 chunks/,
    ],
    [
      'chunks of a document that is not there',
      (of) =>
        of.store.replace({ id: 'ghost', uri: 'g', title: 'g', collection: 'g' }, [
          { ordinal: 0, text: 'boo', span: [0, 3] },
        ]),
      /The store has 3 chunks, the documents of the ledger 2/,
    ],
    [
      'a count of chunks that is kept and wrong',
      (of) => of.database.write((c) => c.run('update tally set chunks = chunks + 3')),
      /The store has 2 chunks and 0 vectors, and says 5 and 0/,
    ],
    [
      'a row that waits for nothing',
      (of) => of.database.write((c) => of.catalogue.set(c, of.get('a.txt').id, { state: 'working' })),
      /^a\.txt It is working, and no job waits/,
    ],
    [
      'bytes that belong to nobody',
      (of) => writeFile(join(of.uploads, 'stray'), 'x'),
      /stray belongs to no document/,
    ],
  ])('finds %s', async (_what, spoil, expected) => {
    await bed.scan();
    await spoil(bed);
    expect((await problems()).join('\n')).toMatch(expected);
  });

  it('finds what was sent and lost its bytes', async () => {
    const id = await send('grey seals');
    await bed.scan();
    await unlink(join(bed.uploads, id));
    expect(await problems()).toEqual([expect.stringMatching(/bytes are missing/)]);
  });

  it('with deep, finds other bytes under the same stamps', async () => {
    await bed.scan();
    const { id, hash } = bed.get('a.txt');
    const other = hash?.replace(/^./, (digit) => (digit === '0' ? '1' : '0')) ?? '';
    await bed.database.write((connection) => bed.catalogue.set(connection, id, { hash: other }));
    expect(await problems()).toEqual([]);
    expect(await problems(true)).toEqual([expect.stringMatching(/^a\.txt Its bytes are others/)]);
  });
});

describe('a preview of a scan', () => {
  it('tells what would be added, updated, moved, forgotten and ignored, and changes nothing', async () => {
    for (const name of ['c.txt', 'd.txt']) await bed.put(name, name);
    await bed.scan();
    await bed.put('new.txt', 'white owls');
    await bed.put('a.txt', 'red kites, edited');
    await bed.put('draft.tmp', 'x');
    await mkdir(join(bed.root, 'y'));
    await rename(join(bed.root, 'c.txt'), join(bed.root, 'y/c.txt'));
    await bed.remove('d.txt');
    // Events may have listed a new file already.
    await bed.database.write((connection) =>
      bed.catalogue.see(connection, {
        source: 'inbox',
        uri: 'y/c.txt',
        path: Buffer.from('y/c.txt'),
        title: 'c.txt',
        collection: 'y',
        bytes: 5,
      }),
    );
    const before = bed.all();
    const preview = await bed.preview();
    expect(preview).toMatchObject({
      added: ['new.txt'],
      updated: ['a.txt'],
      moved: [{ from: 'c.txt', to: 'y/c.txt' }],
      forgotten: ['d.txt'],
      ignored: [{ path: 'draft.tmp', reason: 'a temporary file' }],
      bytes: 'white owls'.length + 'red kites, edited'.length,
    });
    expect(preview.seconds).toBeGreaterThan(0);
    expect(bed.all()).toEqual(before);
    await bed.scan();
    expect(await bed.preview()).toMatchObject({ added: [], updated: [], moved: [], forgotten: [] });
  });

  it('and a scan tells the same of the one walk that it makes', async () => {
    const entered = vi.spyOn(bed.folders, 'enter');
    expect(await bed.scanAndTell()).toMatchObject({ added: ['a.txt', 'x/b.txt'], forgotten: [] });
    expect(entered.mock.calls.map(([folder]) => folder).toSorted()).toEqual(['', 'x']);
    await until(bed.calm, 'quiet');
    expect(bed.get('x/b.txt').state).toBe('searchable');
  });
});

describe('a file that was written while the clock stood still', () => {
  it('is known as young by its stamps', async () => {
    const path = join(folder, 'f');
    await writeFile(path, 'x');
    const { mtimeMs } = await stat(path);
    const stats = await stat(path, { bigint: true });
    expect(mayChangeUnseen(stats, mtimeMs + 1)).toBe(true);
    expect(mayChangeUnseen(stats, mtimeMs + 60_000)).toBe(false);
    const coarse = { ...stats, mtimeNs: 1_000_000_000n * 5n, ctimeNs: 1_000_000_000n * 5n };
    expect([mayChangeUnseen(coarse, 6500), mayChangeUnseen(coarse, 7500)]).toEqual([true, false]);
  });

  it('is read again by the next scan, and once', async () => {
    await bed.scan();
    const { id, signature } = bed.get('a.txt');
    await bed.database.write((c) => bed.catalogue.set(c, id, { signature: asYoung(signature ?? '') }));
    await bed.scan();
    expect(bed.get('a.txt')).toMatchObject({ signature, revision: 1 });
    expect(await problems()).toEqual([]);
  });

  it('is taken with a signature that no look agrees with', async () => {
    const path = join(bed.root, 'z.txt');
    await writeFile(path, 'x');
    const nextSecond = Math.ceil(Date.now() / 1000);
    await utimes(path, nextSecond, nextSecond);
    const { signature } = await takeFile(bed.root, Buffer.from(path), join(folder, 'spooled'), 100);
    expect(signature).toMatch(/:young$/);
    expect(isOf(signature, signature.replace(':young', ''))).toBe(true);
  });
});

describe('after a crash between the bytes of what was sent and the ledger', () => {
  const recover = () => recoverUploads(bed.uploads, { ...bed, recipe: bed.pipeline.recipeOfUploads });

  it('a row whose bytes never came is taken away', async () => {
    await bed.database.write((connection) =>
      bed.catalogue.see(connection, {
        source: 'upload',
        uri: 'note',
        path: Buffer.from('note'),
        title: 'note',
        collection: 'default',
        bytes: 3,
      }),
    );
    await recover();
    expect(bed.catalogue.find('upload', 'note')).toBeUndefined();
  });

  it('bytes that came without a job are read', async () => {
    const id = await send('grey seals');
    await bed.scan();
    await writeFile(join(folder, 'incoming'), 'white owls');
    await rename(join(folder, 'incoming'), join(bed.uploads, id));
    await recover();
    await until(() => bed.catalogue.get(id)?.revision === 2 || undefined, 'the second revision');
    expect((await bed.store.chunks(id, { offset: 0, limit: 9 })).map(({ text }) => text)).toEqual([
      'white owls',
    ]);
  });

  it('what is in order is left alone', async () => {
    await send('grey seals');
    await bed.scan();
    const before = bed.all();
    await recover();
    expect(bed.queue.size()).toBe(0);
    expect(bed.all()).toEqual(before);
  });
});

describe('whether events are believed', () => {
  it('is decided by the setting, else by the file system', async () => {
    expect(await watchModeOf(folder, 'polling')).toMatchObject({ mode: 'polling' });
    expect(await watchModeOf(folder, 'events')).toEqual({ mode: 'events', reason: null });
    expect(await watchModeOf(folder, 'auto')).toEqual({ mode: 'events', reason: null });
    expect(await watchModeOf(join(folder, 'nowhere'), 'auto')).toEqual({ mode: 'events', reason: null });
  });
});
