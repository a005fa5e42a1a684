import { linkOf, type Graph } from './graph.ts';
import type { InputSpec, Target } from './manifest.ts';
import { EVERY_INPUT } from './mode.ts';

type Proposed = Record<string, InputSpec>;

/** Nodes that sample, with the inputs that lead to what is wanted and what is not. */
const SAMPLER = /Sampler|Guider$/;
const SEEDS: ReadonlySet<string> = new Set(['seed', 'noise_seed']);

/** Inputs that are worth offering wherever they stand, under the name of the manifest. */
const PLAIN: Record<string, { name: string; spec: Omit<InputSpec, 'to' | 'required'> }> = {
  steps: { name: 'steps', spec: { kind: 'integer', min: 1, max: 100 } },
  cfg: { name: 'cfg', spec: { kind: 'number', min: 0, max: 30 } },
  denoise: { name: 'denoise', spec: { kind: 'number', min: 0, max: 1 } },
  guidance: { name: 'guidance', spec: { kind: 'number', min: 0, max: 100 } },
};
const SIZED = /^Empty.*Latent|^EmptyImage$/;
const SIZES: Record<string, InputSpec['min']> = { width: 16, height: 16, length: 1 };
const SWITCHES = /^ComfySwitchNode$|^PrimitiveBoolean$/;
const PRIMITIVES: Record<string, InputSpec['kind']> = {
  PrimitiveInt: 'integer',
  PrimitiveFloat: 'number',
  PrimitiveString: 'text',
  PrimitiveStringMultiline: 'text',
};
/** Models that look at a picture or a text and write the prompt; what they are told is an instruction. */
const WRITERS = /Qwen|VQA|VLM|Florence|JoyCaption|^TextGenerate/i;
/** Takes the first value it gets, and so runs every branch. */
const ANY_SWITCH = /^Any Switch/;
const LORA = /^LoraLoader/;
const LOADERS = /^(CheckpointLoader|UNETLoader|UnetLoaderGGUF)/;

/**
 * The inputs that a graph seems to have: prompts by following a sampler's `positive` and `negative` to a text, seed,
 * steps and the like by name, pictures and masks by their loaders, switches and primitives by their values. A person
 * looks at it before it is used.
 */
export function proposeInputs(graph: Graph): Proposed {
  const proposed: Proposed = {};
  const add = (
    name: string,
    spec: Omit<InputSpec, 'to' | 'required'>,
    to: Target,
    required = false,
  ): void => {
    const free = freeName(proposed, name);
    proposed[free] = { ...spec, required, to: [to] };
  };
  for (const [id, { class_type }] of Object.entries(graph))
    if (SAMPLER.test(class_type)) addPrompts(graph, id, proposed);
  for (const [id, { class_type, inputs, _meta }] of Object.entries(graph)) {
    for (const [input, value] of Object.entries(inputs)) {
      const to = { id, input };
      const plain = PLAIN[input];
      if (linkOf(value) || isFilled(proposed, to)) continue;
      if (plain && typeof value === 'number') add(plain.name, { ...plain.spec, default: value }, to);
      else if (SEEDS.has(input)) add('seed', { kind: 'seed' }, to);
      else if (SIZED.test(class_type) && input in SIZES && typeof value === 'number')
        add(input, { kind: 'integer', min: SIZES[input], max: 4096, default: value }, to);
      else if (SWITCHES.test(class_type) && typeof value === 'boolean')
        add(slug(_meta?.title ?? 'switch'), { kind: 'boolean', default: value }, to);
      else addByClass(class_type, _meta?.title, to, value, add);
    }
  }
  for (const [id, { class_type, inputs }] of Object.entries(graph)) {
    const strength = inputs['strength_model'];
    if (!LORA.test(class_type) || typeof strength !== 'number') continue;
    const to = ['strength_model', 'strength_clip'].filter((input) => input in inputs);
    proposed[freeName(proposed, 'lora_strength')] = {
      kind: 'number',
      min: -10,
      max: 10,
      default: strength,
      required: false,
      to: to.map((input) => ({ id, input })),
    };
  }
  for (const [id, { class_type, inputs, _meta }] of Object.entries(graph)) {
    const choices = Object.keys(inputs).filter((input) => linkOf(inputs[input]));
    if (!ANY_SWITCH.test(class_type) || choices.length < 2) continue;
    const name = freeName(proposed, slug(_meta?.title ?? 'mode'));
    const to = [{ id, input: EVERY_INPUT }];
    proposed[name] = { kind: 'choice', choices, default: choices[0], required: false, to };
  }
  const loaders = Object.values(graph).filter(({ class_type }) => LOADERS.test(class_type));
  if (loaders.length === 1) proposed['loras'] = { kind: 'lora', required: false, to: [] };
  return proposed;
}

function addByClass(
  kind: string,
  title: string | undefined,
  to: Target,
  value: unknown,
  add: (name: string, spec: Omit<InputSpec, 'to' | 'required'>, to: Target, required?: boolean) => void,
): void {
  if (to.input === 'image' && kind === 'LoadImage') add('image', { kind: 'image' }, to, true);
  if (to.input === 'image' && kind === 'LoadImageMask') add('mask', { kind: 'mask' }, to, true);
  const primitive = PRIMITIVES[kind];
  const isPlain = typeof value === 'string' || typeof value === 'number';
  if (primitive && to.input === 'value' && isPlain)
    add(slug(title ?? primitive), { kind: primitive, default: value }, to);
}

function addPrompts(graph: Graph, id: string, proposed: Proposed): void {
  for (const [side, name] of [
    ['positive', 'prompt'],
    ['negative', 'negative'],
    ['guider', 'prompt'],
    ['conditioning', 'prompt'],
  ] as const) {
    const link = linkOf(graph[id]?.inputs[side]);
    const found = link && findText(graph, link[0], new Set());
    if (!found || isFilled(proposed, found)) continue;
    const text = graph[found.id]?.inputs[found.input];
    const isInstruction = WRITERS.test(graph[found.id]?.class_type ?? '');
    const isDefault = (name === 'negative' || isInstruction) && typeof text === 'string';
    proposed[freeName(proposed, isInstruction ? 'instruction' : name)] = {
      kind: 'text',
      required: name === 'prompt' && !isInstruction,
      ...(isDefault && { default: text }),
      to: [found],
    };
  }
}

function isFilled(proposed: Proposed, { id, input }: Target): boolean {
  return Object.values(proposed).some(({ to }) => to.some((one) => one.id === id && one.input === input));
}

/** Follows conditioning upwards to the first text that stands in a node; zeroed conditioning has none. */
function findText(graph: Graph, id: string, seen: Set<string>): { id: string; input: string } | undefined {
  const node = graph[id];
  if (!node || seen.has(id) || node.class_type === 'ConditioningZeroOut') return undefined;
  seen.add(id);
  for (const input of ['text', 'prompt', 'value', 'string', 't5xxl'])
    if (typeof node.inputs[input] === 'string') return { id, input };
  for (const value of Object.values(node.inputs)) {
    const link = linkOf(value);
    const found = link && findText(graph, link[0], seen);
    if (found) return found;
  }
  return undefined;
}

function freeName(taken: Proposed, name: string): string {
  if (!(name in taken)) return name;
  for (let number = 2; ; number++) if (!(`${name}_${number}` in taken)) return `${name}_${number}`;
}

/** A title as the name of an input. */
function slug(title: string): string {
  const plain = title
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '_')
    .replace(/^[^a-z]+|_+$/g, '');
  return plain || 'value';
}

const MODEL_INPUTS: Record<string, string> = {
  ckpt_name: 'checkpoints',
  unet_name: 'diffusion_models',
  vae_name: 'vae',
  clip_name: 'text_encoders',
  clip_name1: 'text_encoders',
  clip_name2: 'text_encoders',
  clip_name3: 'text_encoders',
  lora_name: 'loras',
  control_net_name: 'controlnet',
  style_model_name: 'style_models',
};

/** Loaders whose input is called as that of others. */
const FOLDERS_BY_CLASS: Record<string, string> = {
  UpscaleModelLoader: 'upscale_models',
  CLIPVisionLoader: 'clip_vision',
};

/** The model files that a graph names. */
export function proposeModels(graph: Graph): { folder: string; name: string }[] {
  return Object.values(graph).flatMap(({ class_type, inputs }) =>
    Object.entries(inputs).flatMap(([input, name]) => {
      const folder = FOLDERS_BY_CLASS[class_type] ?? MODEL_INPUTS[input];
      const isFile = typeof name === 'string' && /\.(safetensors|sft|gguf|pth?|ckpt|bin)$/.test(name);
      return folder !== undefined && isFile ? [{ folder, name: name.replaceAll('\\', '/') }] : [];
    }),
  );
}
