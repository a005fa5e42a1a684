import fc from 'fast-check';
import { it } from 'vitest';
import { act, checkInvariant, FAULTS, kills, POINTS, settle, withPlay, type Operation } from './chaos-bed.ts';

/** `CHAOS_RUNS=500 npx vitest run test/chaos.test.ts` for a long night; `CHAOS_SEED` repeats a failure. */
const RUNS = Number(process.env['CHAOS_RUNS'] ?? 12);
const SEED = process.env['CHAOS_SEED'];
const LONGEST = 14;

/** Few names and contents, so that they meet. */
const NAMES = ['a.txt', 'b.md', 'one/a.txt', 'one/b.html', 'two/c.txt', 'two/deep/d.txt'];
const FOLDERS = ['one', 'two', 'two/deep', 'three'];
const WORDS = ['kites', 'herons', 'seals', 'owls'];

const name = fc.constantFrom(...NAMES);
const word = fc.constantFrom(...WORDS);
const folder = fc.constantFrom(...FOLDERS);
const id = fc.constantFrom('note-1', 'note-2');
const HOUR = 3_600_000;

const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('write'), name, word }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('append', 'delete'), name }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('move', 'copy'), from: name, to: name }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('move folder'), from: folder, to: folder }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('send', 'send', 'unsend'), id, word }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('kill at'),
      point: fc.constantFrom(...POINTS),
      after: fc.constantFrom(0, 0, 1, 3),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('kill', 'stop', 'quiet') }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('fail commits'),
      times: fc.integer({ min: 1, max: 4 }),
      errcode: fc.constantFrom(10, 13),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('clock'),
      offsetMs: fc.constantFrom(-24 * HOUR, -HOUR, 0, HOUR, 24 * HOUR),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('model fault'), fault: fc.nat({ max: FAULTS.length - 1 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('model gone', 'model back') }) },
);

async function run(history: readonly Operation[]): Promise<void> {
  await withPlay(async (play) => {
    for (const one of history) await act(play, one);
    await settle(play);
    await checkInvariant(play);
  });
}

it(
  `${RUNS} random histories of files, kills, faults and clock jumps on the real process end in order`,
  { timeout: RUNS * 60_000 },
  async () => {
    let operations = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 6, maxLength: LONGEST }), async (history) => {
        operations += history.length;
        await run(history);
      }),
      { numRuns: RUNS, endOnFailure: true, ...(SEED !== undefined && { seed: Number(SEED) }) },
    );
    const ended = [...kills].map(([point, times]) => `${point} ${times}`).join(', ');
    process.stdout.write(
      `chaos: ${operations} operations; planned kills that met the process at work: ${ended}\n`,
    );
  },
);
