import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { LimnerError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Database } from '../sqlite.ts';
import { parseWorkerAddress } from './address.ts';
import type { InputValues } from './bind.ts';
import { createA1111Painter } from './a1111.ts';
import { CLIENT_TIMES, type ClientTimes } from './client.ts';
import { createComfyPainter } from './comfy-painter.ts';
import { forgetJob } from './forget.ts';
import { ENDED, type ImageJob, type Origin } from './job.ts';
import { createJobs, type OnEnded } from './jobs.ts';
import { readEveryWorkflow, type Workflow } from './manifest.ts';
import { createMediaStore } from './media.ts';
import { createThumbnails, type Thumbnail } from './thumbnails.ts';
import type { Painter } from './painter.ts';
import { settleOrder } from './order.ts';
import { createPool, type Lease } from './pool.ts';
import { createWorker, type LookTimes } from './worker.ts';

export interface ImagesOptions {
  /** Addresses of ComfyUI servers, with credentials where they want some. */
  workers: readonly string[];
  /** Addresses of AUTOMATIC1111 servers. */
  automatic1111?: readonly string[];
  /** Where `manifest.yml` is. */
  workflows: string;
  /** Where files are kept. */
  media: string;
  keepPrompts?: boolean;
  times?: Partial<ClientTimes>;
  look?: Partial<LookTimes>;
  depth?: number;
  retryMs?: number;
}

export interface ImageRequest {
  workflow: string;
  inputs: Record<string, unknown>;
  /** Bytes for the workflow's picture inputs, by their name. */
  pictures?: Record<string, Buffer>;
  passages?: Origin[];
  /** The same again gives the same job. */
  request?: string | undefined;
}

const LOOK: LookTimes = { absentMs: 5000, presentMs: 60_000, againMs: 5000 };
const ATTEMPTS = 4;

export type Images = Awaited<ReturnType<typeof createImages>>;

/** Pictures on demand: workflows, jobs, workers and the files that they made. */
export async function createImages(
  options: ImagesOptions,
  {
    database,
    log,
    lease = (_painter, _signal, action) => action(),
    onEnded,
  }: { database: Database; log: Log; lease?: Lease; onEnded?: OnEnded },
) {
  const read = await readEveryWorkflow(options.workflows);
  const workflows = new Map(read.workflows.map((one) => [one.name, one]));
  for (const { message } of read.broken.values()) log.error({ reason: message }, 'a workflow cannot be used');
  const jobs = createJobs(database, onEnded);
  const media = createMediaStore(options.media, database, { keepPrompts: options.keepPrompts ?? false });
  const thumbnails = createThumbnails(options.media);
  const workers = createPainters(options, log).map((painter) =>
    createWorker(painter, { ...LOOK, ...options.look }, { log, onChange: () => pool.wake() }),
  );
  const pool = createPool(
    { attempts: ATTEMPTS, retryMs: options.retryMs ?? 1000 },
    { jobs, media, workers, workflows: () => workflows, lease, log },
  );

  function workflowOf(name: string): Workflow {
    const found = workflows.get(name);
    if (found) return found;
    const problem = read.broken.get(name);
    if (problem) throw new LimnerError('workflow_invalid', problem.message, { param: 'workflow' });
    throw new LimnerError('not_found', `There is no workflow ${name}; GET /api/workflows lists them.`, {
      param: 'workflow',
    });
  }

  async function submit(request: ImageRequest): Promise<ImageJob> {
    const workflow = workflowOf(request.workflow);
    const inputs = await settleOrder(workflow, request.inputs, request.pictures ?? {}, { workers, media });
    const fingerprint = fingerprintOf(workflow, inputs);
    const twin = jobs.twin(fingerprint);
    const job = await jobs.add({
      workflow: workflow.name,
      inputs,
      passages: request.passages ?? [],
      fingerprint,
      request: request.request,
    });
    const isAnswered = twin?.outputs.every(({ id }) => media.has(id)) && job.state === 'waiting';
    if (twin && isAnswered) await jobs.finish(job.id, twin.outputs);
    else pool.wake();
    return get(job.id);
  }

  async function nextChange(signal: AbortSignal): Promise<void> {
    try {
      await once(jobs.events, 'change', { signal });
    } catch (error) {
      if (!signal.aborted) throw error;
      throw new LimnerError('cancelled', 'Who asked went away before the picture was made.', {
        cause: error,
      });
    }
  }

  function get(id: string): ImageJob {
    const job = jobs.get(id);
    if (job) return job;
    throw new LimnerError('not_found', 'There is no such job.');
  }

  return {
    submit,
    get,
    list: jobs.list,
    counts: jobs.counts,
    events: jobs.events,
    preview: pool.preview,
    file: media.get,
    /** A stored picture made small: its longer side is the next of 64 to 1024 pixels from `size` on. */
    thumbnail: (id: string, size: number): Promise<Thumbnail> => thumbnails.of(media.get(id), size),
    /** Ends a job; resolves to what it is now (`cancelling` until the worker has stopped). */
    async cancel(id: string): Promise<ImageJob> {
      if (ENDED.has(get(id).state)) return get(id);
      await pool.cancel(id);
      return get(id);
    },
    /** Forgets a job that has ended, with the files that only it made. */
    async remove(id: string): Promise<void> {
      get(id);
      for (const file of await forgetJob(database, id))
        await Promise.all([media.remove(file), thumbnails.remove(file)]);
    },
    /** Waits until a job has ended. */
    async wait(id: string, signal: AbortSignal): Promise<ImageJob> {
      for (let job = get(id); ; job = get(id)) {
        if (ENDED.has(job.state)) return job;
        await nextChange(signal);
      }
    },
    /** True when a job of this workflow could begin soon. */
    canRun: (name: string): boolean => {
      const workflow = workflows.get(name);
      return workflow !== undefined && workers.some((one) => one.readiness(workflow)?.state === 'ready');
    },
    workflows: () =>
      [...workflows.values()].map((workflow) => ({
        workflow,
        workers: workers.map((worker) => ({
          url: worker.url,
          ...(worker.readiness(workflow) ?? { state: 'unreachable' as const, lacks: ['the worker itself'] }),
        })),
      })),
    workers: () =>
      workers.map((worker) => ({
        ...worker.state(),
        busy: worker.busy.size,
        vram_bytes: worker.facts()?.vramBytes ?? null,
        models: worker.facts()?.models ?? {},
      })),
    states: () => workers.map((worker) => worker.state()),
    /** Looks at every worker now. */
    look: async (): Promise<void> => void (await Promise.all(workers.map((worker) => worker.look()))),
    start: pool.start,
    async close(): Promise<void> {
      await pool.close();
      await thumbnails.close();
    },
  };
}

function createPainters(options: ImagesOptions, log: Log): Painter[] {
  const times = { ...CLIENT_TIMES, ...options.times };
  const { depth = 2, automatic1111 = [] } = options;
  return [
    ...options.workers.map((text) => createComfyPainter(parseWorkerAddress(text), { times, depth, log })),
    ...automatic1111.map((text) => createA1111Painter(parseWorkerAddress(text), times)),
  ];
}

/** Equal inputs to an equal workflow give equal files, as long as the seed is among the inputs. */
function fingerprintOf(workflow: Workflow, inputs: InputValues): string {
  const sorted = Object.entries(inputs).toSorted(([one], [other]) => one.localeCompare(other));
  return createHash('sha256')
    .update(JSON.stringify([workflow.graph, sorted]))
    .digest('hex');
}
