import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { LimnerError } from '../errors.ts';
import { bindGraph, pictureInputs } from './bind.ts';
import { collectOutputs } from './collect.ts';
import { reachable } from './graph.ts';
import type { Client } from './client.ts';
import type { ImageJob } from './jobs.ts';
import type { Workflow } from './manifest.ts';
import type { Media, MediaStore } from './media.ts';
import type { RunParts } from './painter.ts';
import type { WorkerFacts } from './worker-look.ts';

/**
 * One job on one worker, from upload to stored files. A job that was already posted is taken up where it is, so that
 * neither our end nor the worker's makes a picture twice. May run twice.
 */
export async function runJob(
  job: ImageJob,
  workflow: Workflow,
  client: Client,
  { jobs, media, facts, mayBegin, onPreview }: RunParts,
  signal: AbortSignal,
): Promise<Media[]> {
  const promptId = job.promptId ?? randomUUID();
  if (job.promptId === null) {
    const pictures = await uploadPictures(job, workflow, client, { media, facts }, signal);
    const loraNames = facts?.models['loras'] ?? [];
    const graph = bindGraph(workflow, job.inputs, { prefix: `limner/${job.id}`, pictures, loraNames });
    // Written before it is posted, so that after a crash the server can be asked about it.
    const isKept = await jobs.change(
      job.id,
      `state = case state when 'cancelling' then state else 'running' end,
       worker = ?, prompt_id = ?, attempts = attempts + 1`,
      client.url,
      promptId,
    );
    if (!isKept) throw new LimnerError('cancelled', 'The job was cancelled.');
    await client.submit(promptId, graph, signal);
  }
  const outputs = await client.follow(promptId, {
    nodes: nodesOf(workflow, facts),
    limitMs: workflow.timeout_seconds * 1000,
    mayBegin,
    onProgress: (fraction) => jobs.setProgress(job.id, fraction),
    onPreview: (type, bytes) => onPreview(job.id, type, bytes),
    signal,
  });
  const only = workflow.outputs.map(({ id }) => id);
  const files = await collectOutputs(client, outputs, media, { only, signal });
  // The picture is stored; a history entry that stays costs the worker memory, not the job.
  await client.forget(promptId, signal).catch(ignoreFailure);
  return files;
}

function ignoreFailure(error: unknown): void {
  if (!(error instanceof LimnerError)) throw error;
}

function nodesOf(workflow: Workflow, facts: WorkerFacts | undefined): Set<string> {
  const classes = facts?.classes ?? {};
  const given = workflow.outputs.map(({ id }) => id);
  const saving = Object.entries(workflow.graph)
    .filter(([, { class_type }]) => classes[class_type]?.output_node)
    .map(([id]) => id);
  return reachable(workflow.graph, given.length > 0 ? given : saving);
}

/** Puts the job's pictures on the worker that will run it; names there are the worker's choice. */
async function uploadPictures(
  job: ImageJob,
  workflow: Workflow,
  client: Client,
  { media, facts }: { media: MediaStore; facts: WorkerFacts | undefined },
  signal: AbortSignal,
): Promise<Record<string, string>> {
  const names: Record<string, string> = {};
  for (const input of pictureInputs(workflow)) {
    const id = job.inputs[input];
    if (typeof id !== 'string') continue;
    const { path, bytes, mime } = media.get(id);
    if (bytes > (facts?.maxUploadBytes ?? Infinity))
      throw new LimnerError('too_large', `${input}: the picture is larger than the worker takes.`, {
        param: input,
      });
    const name = `${input}.${mime === 'image/jpeg' ? 'jpg' : mime.slice('image/'.length)}`;
    names[input] = await client.upload(await readFile(path), name, `limner/${job.id}`, signal);
  }
  return names;
}
