import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { LimnerError } from '../errors.ts';
import { bindGraph, pictureInputs } from './bind.ts';
import { collectOutputs } from './collect.ts';
import { linkOf, reachable, type Graph } from './graph.ts';
import type { Client } from './client.ts';
import type { ImageJob } from './job.ts';
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
  let { graph } = workflow;
  if (job.promptId === null) {
    const pictures = await uploadPictures(job, workflow, client, { media, facts }, signal);
    const loraNames = facts?.models['loras'] ?? [];
    graph = bindGraph(workflow, job.inputs, { prefix: `limner/${job.id}`, pictures, loraNames });
    // Written before it is posted, so that after a crash the server can be asked about it.
    const isKept = await jobs.change(
      job.id,
      `state = case state when 'cancelling' then state else 'running' end,
       worker = ?, prompt_id = ?, client_id = ?, attempts = attempts + 1`,
      client.url,
      promptId,
      client.socket.clientId(),
    );
    if (!isKept) throw new LimnerError('cancelled', 'The job was cancelled.');
    await client.submit(promptId, graph, signal);
  } else if (job.clientId !== null) client.socket.resume(job.clientId);
  const outputs = await client.follow(promptId, {
    nodes: nodesOf(graph, workflow, facts),
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

/** The nodes that will run; of a worker that was not looked at yet, those that lead to what nothing else is linked to. */
function nodesOf(graph: Graph, { outputs }: Workflow, facts: WorkerFacts | undefined): ReadonlySet<string> {
  const given = outputs.map(({ id }) => id);
  if (given.length > 0) return reachable(graph, given);
  const used = new Set(Object.values(graph).flatMap(({ inputs }) => Object.values(inputs).map(sourceOf)));
  const ends = Object.entries(graph)
    .filter(([id, { class_type }]) => (facts ? facts.classes[class_type]?.output_node : !used.has(id)))
    .map(([id]) => id);
  return reachable(graph, ends);
}

const sourceOf = (value: unknown): string | undefined => linkOf(value)?.[0];

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
