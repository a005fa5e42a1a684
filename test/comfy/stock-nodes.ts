import { ObjectInfo } from '../../src/comfy/wire.ts';

/**
 * What a stock ComfyUI says of the nodes that the shipped workflows use: inputs with their limits, and outputs.
 * Checked against a real server by `test/live/comfyui.test.ts` where one is given.
 */
const MODEL = ['MODEL'];
const CLIP = ['CLIP'];
const VAE = ['VAE'];
const IMAGE = ['IMAGE'];
const LATENT = ['LATENT'];
const CONDITIONING = ['CONDITIONING'];
const TEXT = ['STRING', {}];
const int = (min: number, max: number) => ['INT', { min, max }];
const float = (min: number, max: number) => ['FLOAT', { min, max }];
const file = [['example.png'], { image_upload: true }];
const node = (required: object, output: string[], output_node = false) => ({
  input: { required },
  output,
  output_node,
});

export const STOCK = ObjectInfo.parse({
  CheckpointLoaderSimple: node({ ckpt_name: [[]] }, ['MODEL', 'CLIP', 'VAE']),
  UNETLoader: node(
    { unet_name: [[]], weight_dtype: [['default', 'fp8_e4m3fn', 'fp8_e4m3fn_fast', 'fp8_e5m2']] },
    ['MODEL'],
  ),
  DualCLIPLoader: node(
    {
      clip_name1: [[]],
      clip_name2: [[]],
      type: [['sdxl', 'sd3', 'flux', 'hunyuan_video', 'hidream']],
    },
    ['CLIP'],
  ),
  CLIPLoader: node({ clip_name: [[]], type: [['stable_diffusion', 'sd3', 'ltxv', 'wan', 'flux2']] }, [
    'CLIP',
  ]),
  VAELoader: node({ vae_name: [[]] }, ['VAE']),
  LoraLoader: node(
    {
      model: MODEL,
      clip: CLIP,
      lora_name: [[]],
      strength_model: float(-100, 100),
      strength_clip: float(-100, 100),
    },
    ['MODEL', 'CLIP'],
  ),
  LoraLoaderModelOnly: node({ model: MODEL, lora_name: [[]], strength_model: float(-100, 100) }, ['MODEL']),
  CLIPTextEncode: node({ text: TEXT, clip: CLIP }, ['CONDITIONING']),
  FluxGuidance: node({ conditioning: CONDITIONING, guidance: float(0, 100) }, ['CONDITIONING']),
  ConditioningZeroOut: node({ conditioning: CONDITIONING }, ['CONDITIONING']),
  EmptyLatentImage: node({ width: int(16, 16384), height: int(16, 16384), batch_size: int(1, 4096) }, [
    'LATENT',
  ]),
  EmptySD3LatentImage: node({ width: int(16, 16384), height: int(16, 16384), batch_size: int(1, 4096) }, [
    'LATENT',
  ]),
  EmptyHunyuanLatentVideo: node(
    { width: int(16, 16384), height: int(16, 16384), length: int(1, 16384), batch_size: int(1, 4096) },
    ['LATENT'],
  ),
  ModelSamplingSD3: node({ model: MODEL, shift: float(0, 100) }, ['MODEL']),
  KSampler: node(
    {
      model: MODEL,
      seed: int(0, 2 ** 64),
      steps: int(1, 10_000),
      cfg: float(0, 100),
      sampler_name: [['euler', 'euler_ancestral', 'dpmpp_2m', 'uni_pc']],
      scheduler: [['simple', 'sgm_uniform', 'karras', 'normal']],
      positive: CONDITIONING,
      negative: CONDITIONING,
      latent_image: LATENT,
      denoise: float(0, 1),
    },
    ['LATENT'],
  ),
  VAEDecode: node({ samples: LATENT, vae: VAE }, ['IMAGE']),
  VAEEncode: node({ pixels: IMAGE, vae: VAE }, ['LATENT']),
  VAEEncodeForInpaint: node({ pixels: IMAGE, vae: VAE, mask: ['MASK'], grow_mask_by: int(0, 64) }, [
    'LATENT',
  ]),
  LoadImage: node({ image: file }, ['IMAGE', 'MASK']),
  LoadImageMask: node({ image: file, channel: [['alpha', 'red', 'green', 'blue']] }, ['MASK']),
  ImageScaleToTotalPixels: node(
    {
      image: IMAGE,
      upscale_method: [['nearest-exact', 'bilinear', 'area', 'bicubic', 'lanczos']],
      megapixels: float(0.01, 16),
    },
    ['IMAGE'],
  ),
  UpscaleModelLoader: node({ model_name: [[]] }, ['UPSCALE_MODEL']),
  ImageUpscaleWithModel: node({ upscale_model: ['UPSCALE_MODEL'], image: IMAGE }, ['IMAGE']),
  SaveImage: node({ images: IMAGE, filename_prefix: TEXT }, [], true),
  CreateVideo: node({ images: IMAGE, fps: float(1, 120) }, ['VIDEO']),
  SaveVideo: node(
    {
      video: ['VIDEO'],
      filename_prefix: TEXT,
      format: ['COMBO', { options: ['auto', 'mp4'] }],
      codec: ['COMBO', { options: ['auto', 'h264'] }],
    },
    [],
    true,
  ),
});
