import { expect, it } from 'vitest';
import { checkInvariant, killAt, POINTS, running, settle, touch, untilQuiet, withPlay } from './chaos-bed.ts';

/** The catalogue's crash points A1 to A10, each met for certain: see docs/reliability.md. */
it.each(POINTS)(
  'a process that is killed when the work is %j leaves nothing half done',
  { timeout: 60_000 },
  async (point) => {
    await withPlay(async (play) => {
      await running(play);
      for (const name of ['a.txt', 'one/b.html']) await touch(play.inbox, { do: 'write', name, word: name });
      await untilQuiet(play);
      // By now another one may run in its place.
      const process = await killAt(play, { point, after: 0 });
      expect(process.signalCode).toBe('SIGKILL');
      await settle(play);
      await checkInvariant(play);
    });
  },
);
