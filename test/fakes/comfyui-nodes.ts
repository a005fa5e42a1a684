import { deflateSync } from 'node:zlib';
import { crc32 } from 'node:zlib';

/** A node class of the fake: what `/object_info` says of it. The shapes are those of the recording. */
const IMAGE = ['IMAGE'];
const int = (fallback: number, min: number, max: number) => ['INT', { default: fallback, min, max }];
const define = (name: string, required: Record<string, unknown>, output: string[], output_node = false) => [
  name,
  {
    input: { required },
    input_order: { required: Object.keys(required) },
    is_input_list: false,
    output,
    output_is_list: output.map(() => false),
    output_name: output,
    name,
    display_name: name,
    description: '',
    python_module: 'nodes',
    category: 'image',
    output_node,
  },
];

export const NODE_CLASSES: Record<string, unknown> = Object.fromEntries([
  define(
    'EmptyImage',
    {
      width: int(512, 1, 16384),
      height: int(512, 1, 16384),
      batch_size: int(1, 1, 4096),
      color: int(0, 0, 0xffffff),
    },
    IMAGE,
  ),
  define(
    'ImageScale',
    {
      image: ['IMAGE'],
      upscale_method: [['nearest-exact', 'bilinear', 'area', 'bicubic', 'lanczos']],
      width: int(512, 0, 16384),
      height: int(512, 0, 16384),
      crop: [['disabled', 'center']],
    },
    IMAGE,
  ),
  define('LoadImage', { image: [['example.png'], { image_upload: true }] }, ['IMAGE', 'MASK']),
  define('ImageInvert', { image: ['IMAGE'] }, IMAGE),
  define(
    'EmptyLatentImage',
    { width: int(512, 16, 16384), height: int(512, 16, 16384), batch_size: int(1, 1, 4096) },
    ['LATENT'],
  ),
  define(
    'KSampler',
    {
      model: ['MODEL'],
      seed: int(0, 0, 2 ** 53),
      steps: int(20, 1, 10000),
      cfg: ['FLOAT', {}],
      sampler_name: [['euler']],
      scheduler: [['normal']],
      positive: ['CONDITIONING'],
      negative: ['CONDITIONING'],
      latent_image: ['LATENT'],
      denoise: ['FLOAT', {}],
    },
    ['LATENT'],
  ),
  define('CLIPTextEncode', { text: ['STRING', {}], clip: ['CLIP'] }, ['CONDITIONING']),
  define('VAEDecode', { samples: ['LATENT'], vae: ['VAE'] }, IMAGE),
  define('SaveImage', { images: ['IMAGE'], filename_prefix: ['STRING', { default: 'ComfyUI' }] }, [], true),
  define('PreviewImage', { images: ['IMAGE'] }, [], true),
  define('SaveVideo', { images: ['IMAGE'], filename_prefix: ['STRING', {}] }, [], true),
  define('VHS_VideoCombine', { images: ['IMAGE'], filename_prefix: ['STRING', {}] }, [], true),
  define('SaveAudio', { images: ['IMAGE'], filename_prefix: ['STRING', {}] }, [], true),
  define('CheckpointLoaderSimple', { ckpt_name: [['any.safetensors']] }, ['MODEL', 'CLIP', 'VAE']),
  define(
    'LoraLoader',
    {
      model: ['MODEL'],
      clip: ['CLIP'],
      lora_name: ['STRING', {}],
      strength_model: ['FLOAT', {}],
      strength_clip: ['FLOAT', {}],
    },
    ['MODEL', 'CLIP'],
  ),
  define('PreviewAny', { source: ['*', {}] }, [], true),
  define('ProbeSlow', { image: ['IMAGE'], steps: int(5, 1, 1000) }, IMAGE),
  define('ProbeBlockingSleep', { image: ['IMAGE'], seconds: ['FLOAT', { min: 0, max: 60 }] }, IMAGE),
  define('ProbeFail', { image: ['IMAGE'], kind: [['value', 'oom', 'block', 'exit']] }, IMAGE),
  define('ProbeUi', { image: ['IMAGE'], kind: [['gifs', 'nan', 'big', 'text_event']] }, [], true),
]);

export interface FakeNode {
  class_type: string;
  inputs: Record<string, unknown>;
}
export type FakeGraph = Record<string, FakeNode>;

export interface NodeProblem {
  class_type: string;
  dependent_outputs: string[];
  errors: { type: string; message: string; details: string; extra_info: Record<string, unknown> }[];
}

export function isOutput(node: FakeNode | undefined): boolean {
  const found = NODE_CLASSES[node?.class_type ?? ''];
  return typeof found === 'object' && found !== null && 'output_node' in found && found.output_node === true;
}

/** Ids in the order in which they run. */
export function order(graph: FakeGraph, targets: readonly string[]): string[] {
  const done: string[] = [];
  const begun = new Set<string>();
  const visit = (id: string): void => {
    if (begun.has(id)) return;
    begun.add(id);
    for (const value of Object.values(graph[id]?.inputs ?? {}))
      if (Array.isArray(value) && typeof value[0] === 'string' && graph[value[0]]) visit(value[0]);
    done.push(id);
  };
  for (const id of targets) visit(id);
  return done;
}

/** A PNG of one colour, with the text chunk in which the real server writes the prompt. */
export function makePng(width: number, height: number, color: number, words: string): Buffer {
  const row = Buffer.concat([
    Buffer.from([0]),
    Buffer.concat(
      Array.from({ length: width }, () =>
        Buffer.from([color >> 16, color >> 8, color].map((one) => one & 255)),
      ),
    ),
  ]);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('tEXt', Buffer.from(`prompt\0${words}`, 'latin1')),
    chunk('IDAT', deflateSync(Buffer.concat(Array.from({ length: height }, () => row)))),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(name: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(name, 'latin1'), data]);
  const frame = Buffer.alloc(8 + body.length);
  frame.writeUInt32BE(data.length, 0);
  body.copy(frame, 4);
  frame.writeUInt32BE(crc32(body), 4 + body.length);
  return frame;
}
