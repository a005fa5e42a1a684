import { setTimeout as after } from 'node:timers/promises';

/**
 * How long a test waits for what has to come, ms: for `until` and for `expect.poll`. It only ends a test that waits in
 * vain and measures nothing, so that a slow machine, or one on which five suites run at once, has time too. What has to
 * be fast is held by a figure of its own where it is tested.
 */
export const PATIENCE_MS = 40_000;

/** How long a whole test may take, ms: it may wait in vain twice, so that it is told for what. */
export const TEST_LIMIT_MS = 2.25 * PATIENCE_MS;

/** Asks `condition` every `pauseMs` until it gives something truthy; throws naming `what` after `limitMs`. */
export async function until<T>(
  condition: () => T | Promise<T>,
  what: string,
  limitMs = PATIENCE_MS,
  pauseMs = 10,
): Promise<NonNullable<T>> {
  const end = performance.now() + limitMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (performance.now() > end) throw new Error(`Waited ${limitMs} ms in vain for ${what}.`);
    await after(pauseMs);
  }
}
