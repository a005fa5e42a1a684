import type { ImageJob } from './job.ts';
import type { Jobs } from './jobs.ts';
import type { Readiness } from './check.ts';
import type { Workflow } from './manifest.ts';
import type { Media, MediaStore } from './media.ts';
import type { WorkerFacts } from './worker-look.ts';

export interface RunParts {
  jobs: Pick<Jobs, 'change' | 'setProgress'>;
  media: MediaStore;
  facts: WorkerFacts | undefined;
  /** False once the painter is known to be stuck: what has not begun there is given to another. */
  mayBegin: () => boolean;
  onPreview: (job: string, type: string, bytes: Buffer) => void;
}

/** The memory of the card that a painter uses, in bytes. */
export interface CardMemory {
  total: number;
  /** Held by nobody. */
  free: number;
  /** Held by the painter itself. */
  own: number;
}

/** The port of `comfy/`: a server that makes pictures. Two kinds: ComfyUI, and AUTOMATIC1111's web API. */
export interface Painter {
  kind: 'comfyui' | 'automatic1111';
  /** Names it; without credentials. */
  url: string;
  /** Jobs that it is given at most: where it has a queue of its own one waits there, so that it never idles. */
  depth: number;
  /** What it has now. @throws LimnerError `image_unavailable`, `image_answer`. */
  look(signal: AbortSignal): Promise<WorkerFacts>;
  readiness(workflow: Workflow, facts: WorkerFacts): Readiness;
  /**
   * One job from its pictures to its stored files. The id of the run is written into the job before it is begun; a job
   * that has one is taken up, or thrown back with `image_lost` where that cannot be done.
   */
  run(job: ImageJob, workflow: Workflow, parts: RunParts, signal: AbortSignal): Promise<Media[]>;
  /** Ends a run; false when it goes on all the same. */
  stop(runId: string, signal: AbortSignal): Promise<boolean>;
  /** Lets its models go. */
  free(signal: AbortSignal): Promise<void>;
  /** Undefined where there is no card. */
  memory(signal: AbortSignal): Promise<CardMemory | undefined>;
  close(): void;
}
