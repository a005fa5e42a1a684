import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { addresses, optional, text, unset } from './setting-kinds.ts';

const SHIPPED_WORKFLOWS = fileURLToPath(new URL('../workflows', import.meta.url));

/** The settings of pictures, by their environment variables. */
export const pictureSettings = {
  COMFYUI_URL: addresses,
  AUTOMATIC1111_URL: addresses,
  LIMNER_SHARED_GPU: z.preprocess(unset, z.enum(['auto', 'yes', 'no']).default('auto')),
  LIMNER_WORKFLOWS: optional,
  LIMNER_ILLUSTRATE_WORKFLOW: text('text-to-image'),
  LIMNER_KEEP_PROMPTS: z.preprocess(unset, z.stringbool().default(false)),
};
const Settings = z.object(pictureSettings);

export interface PictureConfig {
  /** Addresses of ComfyUI and AUTOMATIC1111 servers, with credentials where they want some. */
  workers: string[];
  automatic1111: string[];
  /** Whether Ollama and the painters have one card between them; `auto` looks at the figures. */
  sharedGpu: 'auto' | 'yes' | 'no';
  /** Absolute path of the folder with `manifest.yml`. */
  workflows: string;
  /** The workflow that illustrates answers. */
  illustrate: string;
  /** Leaves the prompt inside pictures. */
  keepPrompts: boolean;
}

export function toPictures(settings: z.infer<typeof Settings>, base: string): PictureConfig {
  return {
    workers: settings.COMFYUI_URL,
    automatic1111: settings.AUTOMATIC1111_URL,
    sharedGpu: settings.LIMNER_SHARED_GPU,
    workflows: resolve(base, settings.LIMNER_WORKFLOWS ?? SHIPPED_WORKFLOWS),
    illustrate: settings.LIMNER_ILLUSTRATE_WORKFLOW,
    keepPrompts: settings.LIMNER_KEEP_PROMPTS,
  };
}
