import { readFile } from 'node:fs/promises';
import { Loras } from './lora.ts';
import type { ImageJob } from './job.ts';
import type { Workflow } from './manifest.ts';
import type { MediaStore } from './media.ts';
import { inspectPicture } from './picture.ts';

/** What inputs are called there; a workflow's inputs are found by their usual names. */
const NAMES: Record<string, string> = {
  prompt: 'prompt',
  negative: 'negative_prompt',
  seed: 'seed',
  steps: 'steps',
  cfg: 'cfg_scale',
  width: 'width',
  height: 'height',
  denoise: 'denoising_strength',
};

export interface A1111Request {
  path: '/sdapi/v1/txt2img' | '/sdapi/v1/img2img';
  body: Record<string, unknown>;
}

/**
 * A job as a request of AUTOMATIC1111's web API. `checkpoint` is the title of the model to use; without one the model
 * that is loaded is used.
 */
export async function requestOf(
  job: ImageJob,
  workflow: Workflow,
  { runId, checkpoint, media }: { runId: string; checkpoint: string | undefined; media: MediaStore },
): Promise<A1111Request> {
  const plain = Object.entries(job.inputs).flatMap(([name, value]) =>
    NAMES[name] === undefined ? [] : [[NAMES[name], value] as const],
  );
  const body: Record<string, unknown> = {
    ...Object.fromEntries(plain),
    prompt: withLoras(job),
    force_task_id: runId,
    send_images: true,
    save_images: false,
    override_settings: checkpoint === undefined ? {} : { sd_model_checkpoint: checkpoint },
    override_settings_restore_afterwards: false,
  };
  if (workflow.automatic1111 !== 'img2img') return { path: '/sdapi/v1/txt2img', body };
  const image = await readFile(media.get(textOf(job, 'image')).path);
  const { width, height } = inspectPicture(image, 'image');
  Object.assign(body, {
    init_images: [image.toString('base64')],
    width: inEights(width),
    height: inEights(height),
  });
  const mask = job.inputs['mask'];
  if (typeof mask === 'string')
    Object.assign(body, {
      mask: (await readFile(media.get(mask).path)).toString('base64'),
      // It paints where a mask is opaque; ours says with transparency where to paint.
      inpainting_mask_invert: 1,
      inpainting_fill: 1,
      inpaint_full_res: false,
    });
  return { path: '/sdapi/v1/img2img', body };
}

/** LoRAs are words of the prompt there: `<lora:name:strength>`. */
function withLoras(job: ImageJob): string {
  const loras = Object.values(job.inputs).flatMap((value) => Loras.safeParse(value).data ?? []);
  const words = loras.map(({ name, strength }) => `<lora:${name.replace(/\.safetensors$/, '')}:${strength}>`);
  return [textOf(job, 'prompt'), ...words].join(' ').trim();
}

function textOf({ inputs }: ImageJob, name: string): string {
  const value = inputs[name];
  return typeof value === 'string' ? value : '';
}

/** Sizes are multiples of 8 there. */
function inEights(pixels: number): number {
  return Math.max(64, Math.round(pixels / 8) * 8);
}
