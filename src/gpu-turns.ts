import { LimnerError } from './errors.ts';

export type Release = () => void;

export interface TurnOptions {
  patienceMs: number;
  pictureMs: number;
  /** A picture has taken so long that models wait for it no longer. */
  onLate?: () => void;
}

interface Waiting {
  grant: () => void;
}

/**
 * Turns on one card: models several at a time, pictures one by one, never both. They alternate: after a picture all the
 * model calls that came meanwhile, after those the next picture. So a model call waits for the running picture at most,
 * and a picture for the calls that run.
 *
 * A call that waits for a picture which has not begun is let in after `patienceMs`: who holds a turn while asking for
 * another one would otherwise wait for itself.
 *
 * A picture that has taken `pictureMs` may hang: it is told, and until it ends no call waits.
 */
export function createTurns({ patienceMs, pictureMs, onLate }: TurnOptions) {
  const pictures = new Set<Waiting>();
  const models = new Set<Waiting>();
  let painting = false;
  let isLate = false;
  let asking = 0;

  function wait(queue: Set<Waiting>, begin: () => void, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        grant() {
          queue.delete(waiting);
          signal.removeEventListener('abort', giveUp);
          clearTimeout(timer);
          begin();
          resolve();
        },
      };
      const giveUp = (): void => {
        queue.delete(waiting);
        clearTimeout(timer);
        reject(
          new LimnerError('cancelled', 'The wait for the card was cancelled.', { cause: signal.reason }),
        );
      };
      const loseIt = (): void => {
        if (!painting) waiting.grant();
      };
      const timer = queue === models ? setTimeout(loseIt, patienceMs) : undefined;
      queue.add(waiting);
      if (signal.aborted) giveUp();
      else signal.addEventListener('abort', giveUp, { once: true });
    });
  }

  let clock: NodeJS.Timeout | undefined;

  function beginPicture(): void {
    painting = true;
    clock = setTimeout(giveWay, pictureMs);
  }

  function giveWay(): void {
    isLate = true;
    onLate?.();
    for (const one of models) one.grant();
  }

  function endPicture(): void {
    clearTimeout(clock);
    painting = false;
    isLate = false;
    for (const one of models) one.grant();
    nextPicture();
  }

  const beginCall = (): void => void asking++;

  function nextPicture(): void {
    const [next] = pictures;
    if (next && !painting && asking === 0) next.grant();
  }

  return {
    async picture(signal: AbortSignal): Promise<Release> {
      if (painting || asking > 0 || models.size > 0) await wait(pictures, beginPicture, signal);
      else beginPicture();
      return once(endPicture);
    },
    async models(signal: AbortSignal): Promise<Release> {
      if (!isLate && (painting || pictures.size > 0)) await wait(models, beginCall, signal);
      else beginCall();
      return once(() => {
        asking--;
        nextPicture();
      });
    },
  };
}

function once(action: () => void): Release {
  let isDone = false;
  return () => {
    if (isDone) return;
    isDone = true;
    action();
  };
}
