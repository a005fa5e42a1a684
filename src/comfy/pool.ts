import { LimnerError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { ImageJob } from './job.ts';
import type { Jobs } from './jobs.ts';
import type { Workflow } from './manifest.ts';
import type { MediaStore } from './media.ts';
import type { Painter } from './painter.ts';
import type { Worker } from './worker.ts';

/** Waiting jobs that are looked at in one go. */
const DUE_PAGE = 50;

export interface PoolOptions {
  /** How often a job is begun at most. */
  attempts: number;
  retryMs: number;
}

/** Runs `action` when the painter may have its card, and keeps the card for it meanwhile. */
export type Lease = <T>(painter: Painter, signal: AbortSignal, action: () => Promise<T>) => Promise<T>;

interface Parts {
  jobs: Jobs;
  media: MediaStore;
  workers: readonly Worker[];
  workflows: () => ReadonlyMap<string, Workflow>;
  lease: Lease;
  log: Log;
}

/** Hands waiting jobs to workers: to one that has what the workflow needs, the least busy first. */
export function createPool(options: PoolOptions, { jobs, media, workers, workflows, lease, log }: Parts) {
  const closing = new AbortController();
  const underWay = new Map<string, { controller: AbortController; ended: Promise<void> }>();
  const previews = new Map<string, { type: string; bytes: Buffer }>();
  let timer: NodeJS.Timeout | undefined;
  let isStarted = false;

  const onPreview = (id: string, type: string, bytes: Buffer): void => void previews.set(id, { type, bytes });

  const takersOf = (workflow: Workflow): Worker[] =>
    workers
      .filter((worker) => !worker.isStuck() && worker.busy.size < worker.painter.depth)
      .filter((worker) => worker.readiness(workflow)?.state === 'ready');

  function choose(job: ImageJob, workflow: Workflow): Worker | undefined {
    return takersOf(workflow)
      .filter((worker) => worker.missingLora(job.inputs) === undefined)
      .toSorted((one, other) => one.busy.size - other.busy.size)[0];
  }

  function wake(): void {
    if (!isStarted || closing.signal.aborted) return;
    clearTimeout(timer);
    beginDue();
    const next = jobs.nextDueMs();
    if (next !== undefined) timer = setTimeout(wake, next);
  }

  /** Of what nobody can take now, any number may wait before what somebody can. */
  function beginDue(): void {
    for (let after = 0; ;) {
      const taken = [...workflows().values()].filter((workflow) => takersOf(workflow).length > 0);
      const names = taken.map(({ name }) => name);
      const page = jobs.due(names, { after, limit: DUE_PAGE });
      for (const job of page) {
        const workflow = underWay.has(job.id) ? undefined : workflows().get(job.workflow);
        const worker = workflow && choose(job, workflow);
        if (workflow && worker) begin(job, workflow, worker);
      }
      const last = page.at(-1);
      if (!last || page.length < DUE_PAGE) return;
      after = last.number;
    }
  }

  function begin(job: ImageJob, workflow: Workflow, worker: Worker): void {
    const controller = new AbortController();
    const worked = work(job, workflow, worker, controller);
    track(
      job,
      worker,
      controller,
      worked.catch((error: unknown) => settle(job, worker, error, controller)),
    );
  }

  function track(
    { id }: ImageJob,
    worker: Worker | undefined,
    controller: AbortController,
    work: Promise<void>,
  ): void {
    worker?.busy.add(id);
    const ended = work
      .catch((error: unknown) => log.error({ err: error, job: id }, 'a picture job could not be ended'))
      .finally(() => {
        worker?.busy.delete(id);
        underWay.delete(id);
        previews.delete(id);
        wake();
      });
    underWay.set(id, { controller, ended });
  }

  /** What an earlier process was asked to stop. */
  function endLater(job: ImageJob, worker: Worker | undefined): void {
    const stopped = worker ? stopOn(worker, job) : Promise.resolve();
    track(
      job,
      worker,
      new AbortController(),
      stopped.then(async () => void (await endCancelled(job.id))),
    );
  }

  async function work(
    job: ImageJob,
    workflow: Workflow,
    worker: Worker,
    controller: AbortController,
  ): Promise<void> {
    const signal = AbortSignal.any([closing.signal, controller.signal]);
    const parts = { jobs, media, facts: worker.facts(), mayBegin: () => !worker.isStuck(), onPreview };
    const files = await lease(worker.painter, signal, () => worker.painter.run(job, workflow, parts, signal));
    // A success that comes after a cancellation is no result.
    if (jobs.get(job.id)?.state === 'cancelling') await endCancelled(job.id);
    else await jobs.finish(job.id, files);
  }

  const endCancelled = (id: string): Promise<boolean> =>
    jobs.end(id, 'cancelled', { code: 'cancelled', message: 'The job was cancelled.' });

  /** What becomes of a job whose run threw. */
  async function settle(
    before: ImageJob,
    worker: Worker,
    thrown: unknown,
    controller: AbortController,
  ): Promise<void> {
    const job = jobs.get(before.id) ?? before;
    if (job.state === 'cancelling' || controller.signal.aborted) {
      await stopOn(worker, job);
      await endCancelled(job.id);
      return;
    }
    if (closing.signal.aborted) return;
    const error = named(thrown, job, log);
    // What is begun again elsewhere must not also run here.
    if (error.code === 'image_timeout' || error.code === 'image_unavailable') await stopOn(worker, job);
    if (error.code === 'image_memory') await worker.painter.free(closing.signal).catch(ignoreAbsence);
    const attempts = error.code === 'image_memory' ? 2 : options.attempts;
    const isWorthAnother = error.retryable && job.attempts < attempts;
    if (isWorthAnother) await jobs.retry(job.id, options.retryMs * 2 ** Math.max(0, job.attempts - 1), error);
    else await jobs.end(job.id, error.code === 'image_lost' ? 'lost' : 'failed', error);
    log.warn({ job: job.id, code: error.code, again: isWorthAnother }, error.message);
  }

  async function stopOn(worker: Worker, { promptId }: ImageJob): Promise<void> {
    if (promptId === null) return;
    try {
      const isStopped = await worker.painter.stop(promptId, closing.signal);
      if (!isStopped) worker.setStuck(promptId);
    } catch (error) {
      ignoreAbsence(error);
      if (!closing.signal.aborted) worker.setUnsure(promptId);
    }
  }

  /** Takes up what an earlier process left running. */
  async function adopt(): Promise<void> {
    for (const job of jobs.running()) {
      const worker = workers.find(({ url }) => url === job.worker);
      const workflow = workflows().get(job.workflow);
      if (job.state === 'cancelling') endLater(job, worker);
      else if (worker && workflow) begin(job, workflow, worker);
      else
        await jobs.retry(job.id, 0, { code: 'image_lost', message: 'Its worker is no longer configured.' });
    }
  }

  /** What waits for a workflow that is gone would wait for ever. */
  async function endOrphans(): Promise<void> {
    for (const { id, workflow } of jobs.waiting())
      if (!workflows().has(workflow)) {
        const message = `The workflow ${workflow} is no longer there, or cannot be used.`;
        await jobs.end(id, 'failed', { code: 'workflow_invalid', message });
      }
  }

  return {
    wake,
    preview: (id: string) => previews.get(id),
    async start(): Promise<void> {
      isStarted = true;
      for (const worker of workers) worker.start();
      await adopt();
      await endOrphans();
      wake();
    },
    /** Stops a job wherever it is; its state tells when it has stopped. */
    async cancel(id: string): Promise<void> {
      const entry = underWay.get(id);
      if (!entry) {
        await endCancelled(id);
        return;
      }
      await jobs.change(id, `state = 'cancelling'`);
      entry.controller.abort();
    },
    async close(): Promise<void> {
      clearTimeout(timer);
      closing.abort();
      await Promise.all([...underWay.values()].map(({ ended }) => ended));
      await Promise.all(workers.map((worker) => worker.close()));
    },
  };
}

/** What is not one of our errors is a bug: logged with its stack, and the job ends. */
function named(error: unknown, job: ImageJob, log: Log): LimnerError {
  if (error instanceof LimnerError) return error;
  log.error({ err: error, job: job.id }, 'a picture job failed in a way that is a bug');
  return new LimnerError('internal', 'Limner failed on this job; the log has the details.');
}

function ignoreAbsence(error: unknown): void {
  if (!(error instanceof LimnerError)) throw error;
}
