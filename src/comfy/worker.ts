import { LimnerError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { InputValues } from './bind.ts';
import type { Readiness } from './check.ts';
import { Loras, missingLora } from './lora.ts';
import type { Workflow } from './manifest.ts';
import type { Painter } from './painter.ts';
import { pause } from './pause.ts';
import type { WorkerFacts } from './worker-look.ts';

export interface LookTimes {
  absentMs: number;
  presentMs: number;
  /** Requests that cannot be met do not make it look more often than this. */
  againMs: number;
}

export interface Worker {
  url: string;
  painter: Painter;
  /** Jobs of ours that it has now. */
  busy: Set<string>;
  facts(): WorkerFacts | undefined;
  readiness(workflow: Workflow): Readiness | undefined;
  /** The first LoRA of a job that it lacks; undefined as well while it is away. */
  missingLora(inputs: InputValues): string | undefined;
  /** It answers, but a run of it neither ends nor can be stopped. */
  isStuck(): boolean;
  setStuck(promptId: string): void;
  /** It went away before it could be seen to stop a run: it gets work when it has shown that. */
  setUnsure(promptId: string): void;
  state(): {
    kind: Painter['kind'];
    url: string;
    reachable: boolean;
    stuck: boolean;
    version: string | null;
    message: string | null;
  };
  start(): void;
  look(): Promise<void>;
  /** Looks unless it was looked at just now. */
  lookAgain(): Promise<void>;
  close(): Promise<void>;
}

/** A painter that is looked at again and again, and what it was like the last time. */
export function createWorker(
  painter: Painter,
  lookTimes: LookTimes,
  { log, onChange }: { log: Log; onChange: () => void },
): Worker {
  const { url } = painter;
  const closing = new AbortController();
  const readiness = new Map<Workflow, Readiness>();
  let facts: WorkerFacts | undefined;
  let message: string | null = 'not looked at yet';
  let lookedAt = -Infinity;
  const stuckOn = new Set<string>();
  let watching: Promise<void> | undefined;

  function setReachable(found: WorkerFacts): void {
    if (!facts) log.info({ worker: url, version: found.version }, 'a painter is there');
    facts = found;
    message = null;
    readiness.clear();
  }

  function setAbsent(error: LimnerError): void {
    if (facts) log.warn({ worker: url, reason: error.message }, 'a painter is gone');
    facts = undefined;
    message = error.message;
  }

  /** A stuck worker is used again when it has got rid of the run, at our request or by a restart. */
  async function lookAtStuck(): Promise<void> {
    for (const promptId of facts ? stuckOn : [])
      if (await painter.stop(promptId, closing.signal)) stuckOn.delete(promptId);
  }

  async function look(): Promise<void> {
    lookedAt = performance.now();
    const before = facts !== undefined && stuckOn.size === 0;
    try {
      setReachable(await painter.look(closing.signal));
      await lookAtStuck();
    } catch (error) {
      if (!(error instanceof LimnerError)) throw error;
      if (error.code === 'cancelled') return;
      setAbsent(error);
    }
    if ((facts !== undefined && stuckOn.size === 0) || before) onChange();
  }

  async function watch(): Promise<void> {
    while (!closing.signal.aborted) {
      await look().catch((error: unknown) =>
        log.error({ err: error, worker: url }, 'looking at a painter failed in a way that is a bug'),
      );
      const ms = facts && stuckOn.size === 0 ? lookTimes.presentMs : lookTimes.absentMs;
      await pause(ms, closing.signal).catch(() => undefined);
    }
  }

  return {
    url,
    painter,
    busy: new Set(),
    facts: () => facts,
    readiness(workflow) {
      if (!facts) return undefined;
      const known = readiness.get(workflow) ?? painter.readiness(workflow, facts);
      readiness.set(workflow, known);
      return known;
    },
    missingLora(inputs) {
      const installed = facts?.models['loras'];
      const wanted = Object.values(inputs).flatMap((value) => Loras.safeParse(value).data ?? []);
      return installed && missingLora(wanted, installed);
    },
    isStuck: () => stuckOn.size > 0,
    setStuck(promptId) {
      stuckOn.add(promptId);
      log.error({ worker: url }, 'a painter neither ends a run nor stops it: restart it');
    },
    setUnsure(promptId) {
      stuckOn.add(promptId);
    },
    state: () => ({
      kind: painter.kind,
      url,
      reachable: facts !== undefined,
      stuck: stuckOn.size > 0,
      version: facts?.version ?? null,
      message,
    }),
    start: () => void (watching ??= watch()),
    look,
    lookAgain: async () => (performance.now() - lookedAt > lookTimes.againMs ? look() : undefined),
    async close() {
      closing.abort();
      painter.close();
      await watching;
    },
  };
}
