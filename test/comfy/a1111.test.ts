import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { createCanvas } from '@napi-rs/canvas';
import { describe, expect, onTestFinished, test } from 'vitest';
import { inspectPicture } from '../../src/comfy/picture.ts';
import { createFakeA1111, type FakeA1111Settings } from '../fakes/automatic1111.ts';
import { makePng } from '../fakes/comfyui-nodes.ts';
import { until } from '../until.ts';
import { bed, fakeComfy } from './bed.ts';

const SHIPPED = fileURLToPath(new URL('../../workflows', import.meta.url));
const soon = (): AbortSignal => AbortSignal.timeout(15_000);
const PICTURE = makePng(72, 64, 1, '');

async function painter(settings: Partial<FakeA1111Settings> = {}, workflows: string | undefined = SHIPPED) {
  const fake = await createFakeA1111(settings);
  onTestFinished(() => fake.stop());
  const service = await bed([], { automatic1111: [fake.url], ...(workflows && { workflows }) });
  return { fake, ...service, images: service.images };
}

describe('AUTOMATIC1111', () => {
  test('makes a picture from words, with progress and a preview, and without the prompt in it', async () => {
    const { fake, images } = await painter({ paintMs: 400 });
    const seen: number[] = [];
    images.events.on('change', ({ progress, state }) => state === 'running' && seen.push(progress));
    const order = {
      prompt: 'a lamp',
      seed: 7,
      width: 64,
      height: 64,
      loras: [{ name: 'ink', strength: 0.5 }],
    };
    const { id } = await images.submit({ workflow: 'text-to-image', inputs: order });
    await until(() => images.preview(id), 'a preview');
    const job = await images.wait(id, soon());
    expect(job).toMatchObject({ state: 'done', worker: fake.url, outputs: [{ kind: 'image' }] });
    expect(seen.filter((one) => one > 0 && one < 1).length).toBeGreaterThan(2);
    expect(seen.toSorted((one, other) => one - other)).toEqual(seen);
    expect((await readFile(images.file(job.outputs[0]?.id ?? '').path)).includes('tEXt')).toBe(false);
    expect(fake.orders).toMatchObject([
      {
        path: '/sdapi/v1/txt2img',
        body: {
          prompt: 'a lamp <lora:ink:0.5>',
          negative_prompt: 'text, watermark, blurry',
          seed: 7,
          steps: 25,
          cfg_scale: 7,
          override_settings: { sd_model_checkpoint: 'sd_xl_base_1.0.safetensors [31e35c80fc]' },
        },
      },
    ]);
  });

  test('varies a picture in its own size, and repaints where the mask is transparent', async () => {
    const { fake, images } = await painter();
    const vary = { workflow: 'image-to-image', inputs: { prompt: 'x' }, pictures: { image: PICTURE } };
    const mend = { ...vary, workflow: 'inpaint', pictures: { image: PICTURE, mask: PICTURE } };
    for (const order of [vary, mend]) {
      const job = await images.wait((await images.submit(order)).id, soon());
      expect([job.state, job.error]).toEqual(['done', null]);
      const bytes = await readFile(images.file(job.outputs[0]?.id ?? '').path);
      expect(inspectPicture(bytes, 'x')).toMatchObject({ width: 72, height: 64 });
    }
    const image = PICTURE.toString('base64');
    expect(fake.orders.map(({ path, body }) => [path, body.init_images, body.mask])).toEqual([
      ['/sdapi/v1/img2img', [image], undefined],
      ['/sdapi/v1/img2img', [image], image],
    ]);
    expect(fake.orders[1]?.body).toMatchObject({ inpainting_mask_invert: 1, denoising_strength: 1 });
  });

  test.each([
    ['', {}],
    ['before 1.8 ', { ignoresIds: true }],
    ['without its page ', { hasPage: false }],
  ])('%sstops a run that is cancelled', async (_kind, settings) => {
    const { fake, images } = await painter({ paintMs: 10_000, ...settings });
    const { id } = await images.submit({ workflow: 'text-to-image', inputs: { prompt: 'x' } });
    await until(() => images.get(id).state === 'running' && fake.orders.length > 0, 'the run');
    await images.cancel(id);
    expect(await images.wait(id, soon())).toMatchObject({ state: 'cancelled', outputs: [] });
    expect(fake.requests).toContain('POST /sdapi/v1/interrupt');
  });

  test.each([
    ['', {}],
    ['before 1.8 ', { ignoresIds: true }],
    ['without its page ', { hasPage: false }],
  ])('%snever interrupts the run of another, nor shows it as ours', async (_kind, settings) => {
    const { fake, images } = await painter({ paintMs: 800, ...settings });
    const body = JSON.stringify({ prompt: 'theirs', width: 8, height: 8 });
    const foreign = fetch(`${fake.url}/sdapi/v1/txt2img`, { method: 'POST', body });
    await until(() => fake.orders.length > 0, 'their run');
    const { id } = await images.submit({ workflow: 'text-to-image', inputs: { prompt: 'x' } });
    await until(() => fake.orders.length > 1, 'ours behind it');
    const before = fake.requests.length;
    await until(() => fake.requests.length > before + 6, 'some looks at it');
    expect([images.get(id).progress, images.preview(id)]).toEqual([0, undefined]);
    await images.cancel(id);
    expect((await foreign).status).toBe(200);
    const theirEnd = fake.requests.filter((one) => one.endsWith('/interrupt')).length;
    expect(await images.wait(id, soon())).toMatchObject({ state: 'cancelled' });
    expect(theirEnd).toBe(0);
  });

  test('that still has a cancelled run waiting is asked to stop it once it begins', async () => {
    const { fake, images } = await painter({ paintMs: 400 });
    const body = JSON.stringify({ prompt: 'theirs', width: 8, height: 8 });
    const foreign = fetch(`${fake.url}/sdapi/v1/txt2img`, { method: 'POST', body });
    await until(() => fake.orders.length > 0, 'their run');
    const { id } = await images.submit({ workflow: 'text-to-image', inputs: { prompt: 'x', steps: 99 } });
    await until(() => fake.orders.length > 1, 'ours behind it');
    await images.cancel(id);
    expect((await foreign).status).toBe(200);
    expect(await images.wait(id, soon())).toMatchObject({ state: 'cancelled' });
    expect(fake.requests).toContain('POST /sdapi/v1/interrupt');
  });

  test('that answers in the format of its files is read all the same', async () => {
    const canvas = createCanvas(64, 64);
    const { images, run } = await painter({ encode: () => canvas.encode('jpeg') });
    const job = await run('text-to-image', { prompt: 'x' });
    expect(job.outputs).toMatchObject([{ mime: 'image/jpeg', name: 'picture_1.jpg' }]);
    const bytes = await readFile(images.file(job.outputs[0]?.id ?? '').path);
    expect(inspectPicture(bytes, 'x').mime).toBe('image/jpeg');
  });

  test('gets credentials with every request', async () => {
    const authorization = `Basic ${Buffer.from('me:secret').toString('base64')}`;
    const fake = await createFakeA1111({ authorization });
    onTestFinished(() => fake.stop());
    const address = fake.url.replace('//', '//me:secret@');
    const { run, lines } = await bed([], { automatic1111: [address], workflows: SHIPPED });
    expect(await run('text-to-image', { prompt: 'x' })).toMatchObject({ state: 'done', worker: fake.url });
    expect(lines.join('')).not.toContain('secret');
  });

  test('that runs out of memory lets its model go and is tried once more', async () => {
    const { fake, run } = await painter({ outOfMemory: 1 });
    expect(await run('text-to-image', { prompt: 'x' })).toMatchObject({ state: 'done', attempts: 2 });
    expect(fake.requests.filter((one) => one.includes('load-checkpoint'))).toEqual([
      'POST /sdapi/v1/unload-checkpoint',
      'POST /sdapi/v1/reload-checkpoint',
    ]);
  });

  test('that breaks off is asked again', async () => {
    const { run } = await painter({ cutAnswers: 1 });
    expect(await run('text-to-image', { prompt: 'x' })).toMatchObject({ state: 'done', attempts: 2 });
  });

  test('that was painting when the service ended paints again', async () => {
    const { fake, images, reopen } = await painter({ paintMs: 600 });
    const { id } = await images.submit({ workflow: 'text-to-image', inputs: { prompt: 'x' } });
    await until(() => fake.orders.length > 0, 'the run');
    const again = await reopen();
    expect(await again.wait(id, soon())).toMatchObject({ state: 'done', attempts: 2 });
    expect(fake.requests).toContain('POST /sdapi/v1/interrupt');
  });

  test('that does not take a value says which', async () => {
    const { run } = await painter({ maxSteps: 50 });
    const job = await run('text-to-image', { prompt: 'x', steps: 100 });
    expect(job).toMatchObject({ state: 'failed', error: { code: 'image_refused' } });
    expect(job.error?.message).toContain('steps must be at most 50');
  });

  test('that takes longer than the workflow allows is interrupted', async () => {
    const { fake, run } = await painter({ paintMs: 5000 }, '');
    const job = await run('painted', { prompt: 'x' });
    expect(job).toMatchObject({ state: 'failed', error: { code: 'image_timeout' } });
    expect(fake.requests).toContain('POST /sdapi/v1/interrupt');
  });

  test('runs what the manifest gives it, ComfyUI the rest', async () => {
    const fake = await createFakeA1111();
    onTestFinished(() => fake.stop());
    const comfy = await fakeComfy();
    const { images } = await bed([comfy], { automatic1111: [fake.url], workflows: SHIPPED });
    const states = images
      .workflows()
      .map(({ workflow, workers }) => [workflow.name, workers.find(({ url }) => url === fake.url)?.state]);
    expect(Object.fromEntries(states)).toMatchObject({
      'text-to-image': 'ready',
      'image-to-image': 'ready',
      inpaint: 'ready',
      upscale: 'missing_nodes',
      'text-to-video': 'missing_nodes',
    });
    const { id } = await images.submit({ workflow: 'text-to-image', inputs: { prompt: 'x' } });
    expect(await images.wait(id, soon())).toMatchObject({ state: 'done', worker: fake.url });
  });

  test('without the named checkpoint uses the one that is loaded; without any it is not used', async () => {
    const { fake, run, images } = await painter({ checkpoints: ['other.safetensors'] });
    expect(await run('text-to-image', { prompt: 'x' })).toMatchObject({ state: 'done' });
    expect(fake.orders[0]?.body).toMatchObject({ override_settings: {} });
    fake.settings.checkpoints = [];
    await images.look();
    await expect(images.submit({ workflow: 'text-to-image', inputs: { prompt: 'y' } })).rejects.toMatchObject(
      {
        code: 'image_missing',
      },
    );
  });
});
