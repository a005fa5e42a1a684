import { expect, test } from 'vitest';
import { LimnerError } from '../../src/errors.ts';
import { createWorkLoop } from '../../src/ingest/work-loop.ts';
import { createLog } from '../../src/log.ts';
import { until } from '../until.ts';

function loopOf(step: (signal: AbortSignal) => Promise<boolean>, firstRetryMs = 1) {
  const lines: { level: number; msg: string; ms?: number }[] = [];
  const log = createLog({ level: 'info', secrets: [], write: (line) => void lines.push(JSON.parse(line)) });
  const options = { firstRetryMs, longestRetryMs: 4 * firstRetryMs };
  return { loop: createWorkLoop(options, { name: 'counting', step, log }), lines };
}

test('what goes wrong is told and tried again, less and less often, and ends nothing', async () => {
  let steps = 0;
  const { loop, lines } = loopOf(async () => {
    steps += 1;
    if (steps === 1) throw new TypeError('a bug');
    if (steps <= 5) throw new LimnerError('model_unavailable', 'The server is away.');
    return steps < 8;
  });
  loop.start();
  await until(() => steps === 8, 'the work to be done');
  expect(loop.failures()).toBe(0);
  expect(lines.map(({ level, msg, ms }) => [level, msg, ms])).toEqual([
    [50, 'counting failed in a way that is a bug', 1],
    ...[2, 4, 4, 4].map((ms) => [40, 'counting waits', ms]),
  ]);
  await loop.close();
});

test('what comes while the last step is under way is not forgotten', async () => {
  let left = 1;
  let steps = 0;
  const { loop } = loopOf(async () => {
    steps += 1;
    if (left === 0) return false;
    left -= 1;
    return true;
  });
  loop.start();
  await until(() => steps === 2, 'nothing to be left');
  left = 1;
  loop.wake();
  await until(() => left === 0, 'the new work to be done');
  await loop.close();
});

test('closing ends the step, the rest after a failure, and the wait for work', async () => {
  const working = loopOf(
    (signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(true))),
  );
  const resting = loopOf(() => Promise.reject(new LimnerError('model_unavailable', 'Away.')), 3_600_000);
  const waiting = loopOf(() => Promise.resolve(false));
  for (const { loop } of [working, resting, waiting]) loop.start();
  await until(() => resting.lines.length === 1, 'a failure');
  for (const { loop } of [working, resting, waiting]) await loop.close();
});
