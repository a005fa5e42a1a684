import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createRest } from '../src/rest.ts';
import { until } from './until.ts';

const MIB = 1024 * 1024;
const LOOK_MS = 1000;
const BUSY_LOOKS = 2.5;

/** Objects of which hardly any stay, as a rush of files leaves them. */
function makeGarbage(): void {
  const some: unknown[] = [];
  for (let at = 0; at < 200_000; at++) some[at % 50_000] = { at, text: `text ${at}` };
}

test('memory is given back when the work is done, and not before', async () => {
  let forgotten = 0;
  const rest = createRest({ lookMs: LOOK_MS }, { forgetPages: () => void forgotten++ });
  rest.start();
  try {
    const since = performance.now();
    while (process.memoryUsage().heapTotal < 100 * MIB || performance.now() - since < BUSY_LOOKS * LOOK_MS) {
      makeGarbage();
      await nextTurn();
    }
    expect(forgotten).toBe(0);
    const before = process.memoryUsage().heapTotal;
    await until(() => forgotten > 0, 'the pages to be forgotten');
    await until(() => process.memoryUsage().heapTotal < before - 20 * MIB, 'the heap to shrink');
  } finally {
    rest.close();
  }
});
