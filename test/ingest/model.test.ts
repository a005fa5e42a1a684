import { copyFile, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { removeFolder, temporaryFolder } from '../service.ts';
import { filesOf } from '../files-of.ts';
import { openBed, type Bed } from './bed.ts';

/** Few names and contents, so that they meet: moves onto names, equal contents, names that come back. */
const NAMES = ['a.txt', 'b.txt', 'one/a.txt', 'one/b.txt', 'two/c.txt', 'two/deep/d.txt'];
const FOLDERS = ['one', 'two', 'two/deep', 'three'];
const CONTENTS = ['red kites', 'blue herons', 'grey seals', 'white owls'];

type Operation =
  | { do: 'write'; name: string; content: string }
  | { do: 'edit' | 'delete'; name: string }
  | { do: 'move' | 'copy'; from: string; to: string }
  | { do: 'moveFolder'; from: string; to: string }
  | { do: 'look' | 'settle' | 'restart' };

const name = fc.constantFrom(...NAMES);
const folderName = fc.constantFrom(...FOLDERS);
const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('write'), name, content: fc.constantFrom(...CONTENTS) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('edit', 'delete'), name }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('move', 'copy'), from: name, to: name }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('moveFolder'), from: folderName, to: folderName }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('look', 'settle', 'restart') }) },
);

/** What the service does with the folder, between what people do with it. */
async function play(folder: string, operations: readonly Operation[]): Promise<void> {
  let bed = await openBed(folder);
  await mkdir(bed.root, { recursive: true });
  try {
    for (const one of operations) {
      if (one.do === 'restart') {
        await bed.close();
        bed = await openBed(folder);
      } else if (one.do === 'look') await bed.arrivals.scan();
      else if (one.do === 'settle') await bed.scan();
      else await act(bed.root, one);
    }
    // What moved while the last scan ran is found by the next one.
    await bed.scan();
    await bed.scan();
    await checkInvariant(bed);
  } finally {
    await bed.close();
  }
}

/** People do what the folder allows; what it does not allow changes nothing. */
async function act(root: string, one: Operation): Promise<void> {
  try {
    if (one.do === 'write') await writeInto(join(root, one.name), one.content);
    if (one.do === 'edit') await writeFile(join(root, one.name), 'EDITED', { flag: 'r+' });
    if (one.do === 'delete') await rm(join(root, one.name));
    if (one.do === 'move' || one.do === 'moveFolder') {
      await mkdir(dirname(join(root, one.to)), { recursive: true });
      await rename(join(root, one.from), join(root, one.to));
    }
    if (one.do === 'copy') {
      await mkdir(dirname(join(root, one.to)), { recursive: true });
      await copyFile(join(root, one.from), join(root, one.to));
    }
  } catch (error) {
    if (!(error instanceof Error) || !('syscall' in error) || error.message.includes('ENOSPC')) throw error;
  }
}

async function writeInto(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}

/** The folder and the index say the same: one row a file, its own text in the store, and nothing else. */
async function checkInvariant(bed: Bed): Promise<void> {
  const rows = bed.all().filter(({ state }) => state !== 'gone');
  const indexed: Record<string, unknown> = {};
  for (const row of rows)
    indexed[row.uri] = { state: row.state, chunks: row.chunks, text: await bed.textOf(row.uri) };
  const expected: Record<string, unknown> = {};
  for (const [uri, text] of await filesOf(bed.root))
    expected[uri] = { state: 'searchable', chunks: 1, text: [text] };
  expect(indexed).toEqual(expected);
  expect(await bed.store.totals()).toEqual({ chunks: rows.length, vectors: 0 });
}

const RUNS = 100;
const LONGEST = 16;

it(`the folder and the index agree after any of ${RUNS} random histories`, { timeout: 120_000 }, async () => {
  let operations = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 4, maxLength: LONGEST }), async (history) => {
      operations += history.length;
      const folder = await temporaryFolder();
      try {
        await play(folder, history);
      } finally {
        await removeFolder(folder);
      }
    }),
    { numRuns: RUNS, endOnFailure: true },
  );
  process.stdout.write(`ingest model: ${operations} operations\n`);
});
