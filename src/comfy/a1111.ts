import { randomUUID } from 'node:crypto';
import { basename } from 'node:path';
import { LimnerError } from '../errors.ts';
import { imagesIn, keepImages, NAME, showPreview } from './a1111-answer.ts';
import { Checkpoints, LoraNames, Memory, Options, Progress, Task } from './a1111-wire.ts';
import { requestOf, type A1111Request } from './a1111-request.ts';
import type { WorkerAddress } from './address.ts';
import { hasModel, type Readiness } from './check.ts';
import type { ClientTimes } from './client.ts';
import { createHttp } from './http.ts';
import type { ImageJob } from './job.ts';
import type { Workflow } from './manifest.ts';
import type { Media } from './media.ts';
import type { Painter, RunParts } from './painter.ts';
import { pause } from './pause.ts';
import type { WorkerFacts } from './worker-look.ts';

interface Standing {
  state: 'queued' | 'running' | 'gone';
  found: Progress;
}

/**
 * AUTOMATIC1111's web API as a painter, for workflows whose entry says `automatic1111`. It has no queue that can be
 * asked: the answer to a request is the picture, so a run whose answer is lost is begun again.
 */
export function createA1111Painter(address: WorkerAddress, times: ClientTimes): Painter {
  const closing = new AbortController();
  const http = createHttp(address, times.callMs, closing.signal, NAME);
  const { url } = address;
  let titles: { title: string; file: string }[] = [];
  let isUnloaded = false;
  /** The last run that was begun while nothing else ran. */
  let begunAlone: string | undefined;

  const progress = (signal: AbortSignal): Promise<Progress> =>
    http.json(Progress, '/sdapi/v1/progress', { signal });

  /**
   * How a run stands there. The progress does not say whose it is; the route of the page knows runs by their id. Where
   * that says nothing of ours (before 1.8, or without the page), what runs is ours if nothing ran when it was begun.
   */
  async function standingOf(runId: string, signal: AbortSignal): Promise<Standing> {
    const json = { id_task: runId, id_live_preview: -1, live_preview: false };
    const { body } = await http.call('/internal/progress', { method: 'POST', json, signal });
    const task = Task.safeParse(body).data;
    const found = await progress(signal);
    const isBusy = found.state.job_count !== 0;
    const isKnown = task !== undefined && (task.active || task.queued || task.completed);
    if (task?.queued) return { state: 'queued', found };
    const isOurs = isKnown ? task.active : begunAlone === runId;
    return { state: isBusy && isOurs ? 'running' : 'gone', found };
  }

  async function look(signal: AbortSignal): Promise<WorkerFacts> {
    const models = await http.json(Checkpoints, '/sdapi/v1/sd-models', { signal });
    const { sd_model_checkpoint: loaded } = await http.json(Options, '/sdapi/v1/options', { signal });
    titles = models.map(({ title, filename }) => ({ title, file: basename(filename.replaceAll('\\', '/')) }));
    const loras = LoraNames.catch([]).parse((await http.call('/sdapi/v1/loras', { signal })).body);
    const card = await memory(signal);
    return {
      version: undefined,
      vramBytes: card?.total,
      devices: loaded ? [`${NAME} with ${loaded}`] : [NAME],
      classes: {},
      models: { checkpoints: titles.map(({ file }) => file), loras: loras.map(({ name }) => name) },
      maxUploadBytes: Infinity,
    };
  }

  async function memory(signal: AbortSignal) {
    const { body } = await http.call('/sdapi/v1/memory', { signal });
    const cuda = Memory.safeParse(body).data?.cuda;
    return cuda && { ...cuda.system, own: cuda.reserved?.current ?? 0 };
  }

  /** Tells how far the run is until `ended`; rejects when it has taken too long since its beginning. */
  async function watch(
    runId: string,
    { limitMs, ended, tell }: { limitMs: number; ended: AbortSignal; tell: (found: Progress) => void },
  ): Promise<void> {
    let begunAt: number | undefined;
    while (!ended.aborted) {
      const standing = await standingOf(runId, ended).catch(ignoreFailure);
      if (standing?.state === 'running') {
        begunAt ??= performance.now();
        tell(standing.found);
      }
      if (begunAt !== undefined && performance.now() - begunAt > limitMs)
        throw new LimnerError('image_timeout', 'The run took longer than the workflow allows.');
      await pause(times.pollMs[0] / 2, ended).catch(ignoreFailure);
    }
  }

  async function paint(
    { path, body }: A1111Request,
    runId: string,
    options: { limitMs: number; tell: (found: Progress) => void; signal: AbortSignal },
  ): Promise<string[]> {
    const ended = new AbortController();
    const signal = AbortSignal.any([options.signal, ended.signal]);
    const timeoutMs = options.limitMs + times.stallMs;
    const answer = http
      .call(path, { method: 'POST', json: body, signal, timeoutMs })
      .finally(() => ended.abort());
    const watched = watch(runId, { ...options, ended: signal }).catch((error: unknown) => {
      ended.abort();
      throw error;
    });
    // What the watch threw is why the answer was given up.
    const [reply, limit] = await Promise.allSettled([answer, watched]);
    if (limit.status === 'rejected') throw limit.reason;
    if (reply.status === 'rejected') throw reply.reason;
    return imagesIn(reply.value, url, path);
  }

  async function run(
    job: ImageJob,
    workflow: Workflow,
    { jobs, media, onPreview }: RunParts,
    signal: AbortSignal,
  ): Promise<Media[]> {
    if (job.promptId !== null)
      throw new LimnerError('image_lost', 'The answer to the run was lost; it was started again.');
    const runId = randomUUID();
    const isKept = await jobs.change(
      job.id,
      `state = case state when 'cancelling' then state else 'running' end,
       worker = ?, prompt_id = ?, attempts = attempts + 1`,
      url,
      runId,
    );
    if (!isKept) throw new LimnerError('cancelled', 'The job was cancelled.');
    if (isUnloaded) await http.call('/sdapi/v1/reload-checkpoint', { method: 'POST', json: {}, signal });
    isUnloaded = false;
    const checkpoint = checkpointFor(workflow);
    const request = await requestOf(job, workflow, { runId, checkpoint, media });
    const before = await progress(signal);
    begunAlone = before.state.job_count === 0 ? runId : undefined;
    let best = 0;
    const images = await paint(request, runId, {
      limitMs: workflow.timeout_seconds * 1000,
      signal,
      tell: ({ progress: fraction, current_image: preview }) => {
        best = Math.max(best, Math.min(0.99, fraction));
        jobs.setProgress(job.id, best);
        if (preview)
          showPreview(Buffer.from(preview, 'base64'), (type, bytes) => onPreview(job.id, type, bytes));
      },
    });
    return keepImages(images, media);
  }

  /** The title of the model that the manifest names, where it is installed. */
  function checkpointFor({ requires }: Workflow): string | undefined {
    const names = requires.models.filter(({ folder }) => folder === 'checkpoints').map(({ name }) => name);
    return titles.find(({ file }) => hasModel(names, file))?.title;
  }

  async function stop(runId: string, signal: AbortSignal): Promise<boolean> {
    const end = performance.now() + times.cancelLimitMs;
    for (;;) {
      const { state } = await standingOf(runId, signal);
      if (state === 'gone') return true;
      if (performance.now() > end) return false;
      // It stops whatever runs, so it is only asked while that is ours. What waits there cannot be taken back.
      if (state === 'running') await http.call('/sdapi/v1/interrupt', { method: 'POST', json: {}, signal });
      await pause(Math.min(500, times.cancelMs), signal);
    }
  }

  return {
    kind: 'automatic1111',
    url,
    // Its own queue neither tells what waits in it nor lets go of it.
    depth: 1,
    look,
    readiness,
    async run(job, workflow, parts, signal) {
      if (job.promptId !== null) await stop(job.promptId, signal);
      return run(job, workflow, parts, signal);
    },
    stop,
    async free(signal) {
      await http.call('/sdapi/v1/unload-checkpoint', { method: 'POST', json: {}, signal });
      isUnloaded = true;
    },
    memory,
    close: () => closing.abort(),
  };
}

/** Any checkpoint will do: where the one that the manifest names is missing, the loaded one is used. */
function readiness({ automatic1111 }: Workflow, { models }: WorkerFacts): Readiness {
  if (automatic1111 === undefined)
    return { state: 'missing_nodes', lacks: [`ComfyUI, which alone runs this workflow`] };
  if ((models['checkpoints'] ?? []).length === 0)
    return { state: 'missing_models', lacks: ['any checkpoint'] };
  return { state: 'ready', lacks: [] };
}

/** Progress that cannot be read is none; what counts is the answer. */
function ignoreFailure(error: unknown): undefined {
  if (!(error instanceof LimnerError)) throw error;
}
