import { readFile } from 'node:fs/promises';
import { LimnerError } from '../errors.ts';
import { pictureInputs, settleInputs, type InputValues } from './bind.ts';
import type { Workflow } from './manifest.ts';
import type { MediaStore } from './media.ts';
import { inspectPicture } from './picture.ts';
import type { Worker } from './worker.ts';

interface Parts {
  workers: readonly Worker[];
  media: MediaStore;
}

/**
 * What a caller ordered, checked before anything is stored or reaches a worker: values, pictures, and whether any
 * worker could ever make it. Pictures that are sent along are stored last.
 * @throws LimnerError `invalid_request` naming the input, `too_large`, `image_missing` naming what each worker lacks,
 * `image_unavailable` where there is no worker at all.
 */
export async function settleOrder(
  workflow: Workflow,
  given: Record<string, unknown>,
  sent: Record<string, Buffer>,
  { workers, media }: Parts,
): Promise<InputValues> {
  const unknown = Object.keys(sent).find((name) => !pictureInputs(workflow).includes(name));
  if (unknown !== undefined) throw wrong(unknown, 'the workflow takes no such picture');
  const pictures = await picturesOf(workflow, given, sent, media);
  const placeholders = Object.fromEntries(Object.keys(sent).map((name) => [name, 'sent']));
  const inputs = settleInputs(workflow, { ...given, ...placeholders });
  requireOneSize(pictures);
  await refuseImpossible(workflow, workers);
  refuseTooLarge(pictures, workers);
  refuseMissingLora(inputs, workers);
  for (const [name, bytes] of Object.entries(sent)) inputs[name] = (await media.putPicture(bytes, name)).id;
  return inputs;
}

interface Given {
  name: string;
  bytes: number;
  size: string;
}

/** The pictures of an order, stored ones included; each is looked at. */
async function picturesOf(
  workflow: Workflow,
  given: Record<string, unknown>,
  sent: Record<string, Buffer>,
  media: MediaStore,
): Promise<Given[]> {
  const found: Given[] = [];
  for (const input of pictureInputs(workflow)) {
    const bytes = sent[input] ?? (await storedPicture(given[input], `inputs.${input}`, media));
    if (!bytes) continue;
    const name = sent[input] ? input : `inputs.${input}`;
    const { width, height } = inspectPicture(bytes, name);
    found.push({ name, bytes: bytes.length, size: `${width} x ${height}` });
  }
  return found;
}

async function storedPicture(id: unknown, param: string, media: MediaStore): Promise<Buffer | undefined> {
  if (typeof id !== 'string') return undefined;
  if (!media.has(id) || media.get(id).kind !== 'image')
    throw wrong(param, 'there is no stored picture of this id');
  return readFile(media.get(id).path);
}

function requireOneSize([first, ...others]: Given[]): void {
  const other = others.find(({ size }) => size !== first?.size);
  if (first && other) throw wrong(other.name, `the pictures differ in size (${first.size}, ${other.size})`);
}

/** A job that no worker could ever run is refused now rather than left waiting. */
async function refuseImpossible(workflow: Workflow, workers: readonly Worker[]): Promise<void> {
  if (workers.length === 0)
    throw new LimnerError(
      'image_unavailable',
      'No ComfyUI is configured; set COMFYUI_URL (or AUTOMATIC1111_URL) to make pictures.',
    );
  const isHopeless = (): boolean =>
    workers.every((worker) => (worker.readiness(workflow)?.state ?? 'ready') !== 'ready');
  if (!isHopeless()) return;
  // What a worker lacked a minute ago may have been put there since.
  await Promise.all(workers.map((worker) => worker.lookAgain()));
  if (!isHopeless()) return;
  const lacks = workers.map(
    (worker) => `${worker.url} lacks ${worker.readiness(workflow)?.lacks.join(', ') ?? 'nothing'}`,
  );
  throw new LimnerError('image_missing', `No worker can run ${workflow.name}: ${lacks.join('; ')}.`, {
    param: 'workflow',
  });
}

function refuseTooLarge(pictures: readonly Given[], workers: readonly Worker[]): void {
  const most = Math.max(...workers.map((worker) => worker.facts()?.maxUploadBytes ?? Infinity));
  const large = pictures.find(({ bytes }) => bytes > most);
  if (large)
    throw new LimnerError('too_large', `${large.name}: the picture is larger than any worker takes.`, {
      param: large.name,
    });
}

function refuseMissingLora(inputs: InputValues, workers: readonly Worker[]): void {
  const missing = workers.map((worker) => worker.missingLora(inputs));
  const [first] = missing;
  if (first !== undefined && missing.every((one) => one !== undefined))
    throw wrong('inputs.loras', `no worker has the LoRA ${first}`);
}

function wrong(param: string, problem: string): LimnerError {
  return new LimnerError('invalid_request', `${param}: ${problem}.`, { param });
}
