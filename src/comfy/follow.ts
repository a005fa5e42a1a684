import { LimnerError } from '../errors.ts';
import type { Frame } from './frames.ts';
import { createProgress } from './progress.ts';
import { failureFrom, runError, type PromptState, type RunFailure } from './record.ts';
import type { Socket } from './socket.ts';
import type { Outputs } from './wire.ts';

export interface FollowTimes {
  /** How often a run is looked at: without frames, and while they flow. */
  pollMs: [quiet: number, flowing: number];
  /** After this without a frame for a run the socket may be deaf. */
  deafMs: number;
  /** After our own submit everybody gets a `status` frame; without one within this the socket is deaf. */
  canaryMs: number;
  /** A prompt that is unknown twice, this far apart, is lost. */
  askAgainMs: number;
  /** A worker that cannot be reached for longer loses its job to another. */
  absentMs: number;
  /** Without any change for longer a run counts as stuck. */
  stallMs: number;
  downloadMs: number;
}

export const FOLLOW_TIMES: FollowTimes = {
  pollMs: [2000, 10_000],
  deafMs: 30_000,
  canaryMs: 2000,
  askAgainMs: 1000,
  absentMs: 120_000,
  stallMs: 1_800_000,
  downloadMs: 600_000,
};

export interface FollowOptions {
  id: string;
  /** The nodes that will run, for the fraction. */
  nodes: ReadonlySet<string>;
  /** How long the run may take from its beginning on; what stands before it in the worker's queue does not count. */
  limitMs: number;
  /** False where a run that has not begun is to be taken away: its worker is stuck. */
  mayBegin: () => boolean;
  /** Whether another run of ours runs on the same worker, so that waiting is no sign of a fault. */
  isBehindOurs: () => boolean;
  onBegun: () => void;
  onProgress: (fraction: number) => void;
  onPreview: (type: string, bytes: Buffer) => void;
  signal: AbortSignal;
}

interface Parts {
  socket: Socket;
  readRecord: (id: string, signal: AbortSignal) => Promise<PromptState>;
  times: FollowTimes;
}

/**
 * Waits for the server's verdict. Frames only wake the loop; what ends it is read over HTTP.
 * @throws LimnerError `image_lost` (the server forgot it), `image_unavailable` (it is away or busy for too long),
 * `image_timeout`, `image_memory`, `image_failed`, `cancelled`.
 */
export async function followPrompt(
  { socket, readRecord, times }: Parts,
  options: FollowOptions,
): Promise<Outputs> {
  const { id, signal } = options;
  const watch = watchFrames(socket, options);
  const startedAt = performance.now();
  let lastAnswer = startedAt;
  let unknownSince: number | undefined;
  let change = { key: '', at: startedAt };
  let begunAt: number | undefined;
  try {
    for (;;) {
      const found = await readRecord(id, signal).catch(unlessUnavailable);
      const now = performance.now();
      if (found) lastAnswer = now;
      else if (now - lastAnswer > times.absentMs)
        throw new LimnerError('image_unavailable', 'The worker went away during the run.');
      if (found && isOver(found.state)) return verdict(found, watch.blocked());
      if (found?.state !== 'unknown') unknownSince = undefined;
      else if (unknownSince !== undefined && now - unknownSince >= times.askAgainMs)
        throw new LimnerError('image_lost', 'The worker forgot the run; it was started again.');
      else unknownSince ??= now;
      if (begunAt === undefined && (found?.state === 'running' || watch.frames() > 0)) {
        begunAt = now;
        options.onBegun();
      }
      const key = `${found?.state} ${watch.frames()} ${begunAt === undefined ? options.isBehindOurs() : ''}`;
      if (key !== change.key) change = { key, at: now };
      const isStalled = now - change.at > times.stallMs;
      if (begunAt === undefined) refuseToWait(options, isStalled);
      else if (isStalled || now - begunAt > options.limitMs)
        throw new LimnerError('image_timeout', 'The run took longer than the workflow allows.');
      healIfDeaf(socket, times, { now, startedAt, isRunning: found?.state === 'running' });
      await watch.wake(pollIn(times, found?.state, now - Math.max(socket.lastFrame(), 0)), signal);
    }
  } finally {
    watch.end();
  }
}

/** A run that never began goes to another worker. */
function refuseToWait({ mayBegin, isBehindOurs }: FollowOptions, isStalled: boolean): void {
  if (!mayBegin() || (isStalled && !isBehindOurs()))
    throw new LimnerError('image_unavailable', 'The worker did not begin the run.');
}

function unlessUnavailable(error: unknown): undefined {
  if (error instanceof LimnerError && (error.code === 'image_unavailable' || error.code === 'image_answer'))
    return;
  throw error;
}

function isOver(state: PromptState['state']): boolean {
  return state === 'done' || state === 'failed' || state === 'interrupted';
}

function verdict(found: PromptState, blocked: RunFailure | undefined): Outputs {
  if (found.state === 'done') {
    const isEmpty = Object.keys(found.outputs).length === 0;
    if (isEmpty && blocked) throw runError(blocked);
    return found.outputs;
  }
  if (found.state === 'failed') throw runError(found.failure);
  throw new LimnerError('cancelled', 'The run was stopped on the worker.');
}

function healIfDeaf(
  socket: Socket,
  times: FollowTimes,
  { now, startedAt, isRunning }: { now: number; startedAt: number; isRunning: boolean },
): void {
  const heard = socket.lastFrame();
  const noCanary = heard < startedAt - times.canaryMs && now - startedAt > times.canaryMs;
  const isSilent = isRunning && now - Math.max(heard, startedAt) > times.deafMs;
  if (noCanary || isSilent) socket.heal();
}

function pollIn(times: FollowTimes, state: PromptState['state'] | undefined, silence: number): number {
  const [quiet, flowing] = times.pollMs;
  if (state === 'unknown') return times.askAgainMs;
  return state === 'running' && silence < quiet ? flowing : quiet;
}

const ENDS: ReadonlySet<string> = new Set(['execution_success', 'execution_error', 'execution_interrupted']);

/** The frames of one run: progress and previews go out, ends wake the loop. */
function watchFrames(socket: Socket, { id, nodes, onProgress, onPreview }: FollowOptions) {
  const progress = createProgress(nodes);
  let bell = Promise.withResolvers<void>();
  let frames = 0;
  let running = false;
  let failure: RunFailure | undefined;

  function onFrame(frame: Frame): void {
    if (frame.kind === 'preview') {
      // The older kind names no run; it belongs to the one that runs for this socket.
      if (frame.promptId === id || (frame.promptId === undefined && running))
        onPreview(frame.type, frame.bytes);
      return;
    }
    if (frame.kind !== 'message' || frame.promptId !== id) return;
    frames++;
    running = true;
    const before = progress.fraction();
    const fraction = progress.take(frame.type, frame.data);
    if (fraction !== before) onProgress(fraction);
    if (frame.type === 'execution_error') failure = failureFrom(frame.data);
    const isEnd = ENDS.has(frame.type) || (frame.type === 'executing' && frame.data['node'] === null);
    if (isEnd) bell.resolve();
  }
  const ring = (): void => bell.resolve();
  socket.events.on('frame', onFrame);
  socket.events.on('open', ring);
  return {
    frames: () => frames,
    /** The reason of a run that "succeeded" with nothing, which only the socket tells. */
    blocked: () => failure,
    async wake(ms: number, signal: AbortSignal): Promise<void> {
      const timer = setTimeout(ring, ms);
      signal.addEventListener('abort', ring, { once: true });
      await bell.promise;
      bell = Promise.withResolvers<void>();
      clearTimeout(timer);
      signal.removeEventListener('abort', ring);
      if (signal.aborted)
        throw new LimnerError('cancelled', 'The run was cancelled.', { cause: signal.reason });
    },
    end(): void {
      socket.events.off('frame', onFrame);
      socket.events.off('open', ring);
    },
  };
}
