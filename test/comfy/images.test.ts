import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { inspectPicture } from '../../src/comfy/picture.ts';
import { makePng } from '../fakes/comfyui-nodes.ts';
import { until } from '../until.ts';
import { bed, fakeComfy } from './bed.ts';

const soon = (): AbortSignal => AbortSignal.timeout(15_000);

describe('a job', () => {
  test('runs, and its picture is stored without the prompt in it', async () => {
    const fake = await fakeComfy();
    const { images, run } = await bed([fake]);
    const job = await run('plain', { color: 0xff0000 });
    expect(job).toMatchObject({ state: 'done', progress: 1, inputs: { color: 0xff0000, width: 64 } });
    const { path, mime } = images.file(job.outputs[0]?.id ?? '');
    const bytes = await readFile(path);
    expect([mime, inspectPicture(bytes, 'x').width]).toEqual(['image/png', 64]);
    expect(bytes.includes('tEXt')).toBe(false);
    expect(fake.prompts).toHaveLength(1);
    expect(fake.prompts[0]?.prompt['9']?.inputs['filename_prefix']).toBe(`limner/${job.id}/9`);
  });

  test('reports progress and previews while it runs', async () => {
    const { images } = await bed([await fakeComfy()]);
    const seen: number[] = [];
    images.events.on('change', ({ progress, state }) => state === 'running' && seen.push(progress));
    const { id } = await images.submit({ workflow: 'slow', inputs: {} });
    const preview = await until(() => images.preview(id), 'a preview');
    expect(preview.type).toBe('image/png');
    await images.wait(id, soon());
    expect(seen.toSorted((a, b) => a - b)).toEqual(seen);
    expect(seen.filter((one) => one > 0.3 && one < 1).length).toBeGreaterThan(2);
  });

  test('tells its progress over the nodes of the mode that was chosen', async () => {
    const { images, run } = await bed([await fakeComfy()]);
    const seen: number[] = [];
    images.events.on('change', ({ progress, state }) => state === 'running' && seen.push(progress));
    expect(await run('moded')).toMatchObject({ state: 'done' });
    expect(Math.max(...seen)).toBeGreaterThan(0.9);
  });

  test('leaves files of every kind', async () => {
    const { run } = await bed([await fakeComfy()]);
    const { outputs, error } = await run('kinds');
    expect(error).toBeNull();
    expect(outputs.map(({ kind }) => kind).toSorted()).toEqual(['audio', 'image', 'text', 'video', 'video']);
  });

  test('with the same inputs answers from the media store', async () => {
    const fake = await fakeComfy();
    const { run } = await bed([fake]);
    const first = await run('plain', { color: 7 });
    const again = await run('plain', { color: 7 });
    expect(again.outputs).toEqual(first.outputs);
    expect(fake.prompts).toHaveLength(1);
  });

  test('that the caller sends twice is one job', async () => {
    const { images } = await bed([await fakeComfy()]);
    const request = { workflow: 'slow', inputs: {}, request: 'mine' };
    const [one, other] = [await images.submit(request), await images.submit(request)];
    expect(one.id).toBe(other.id);
  });

  test('gets its picture uploaded to the worker that runs it', async () => {
    const fake = await fakeComfy();
    const { images } = await bed([fake]);
    const picture = makePng(32, 32, 1, '');
    const { id } = await images.submit({
      workflow: 'from-picture',
      inputs: {},
      pictures: { image: picture },
    });
    expect(await images.wait(id, soon())).toMatchObject({ state: 'done' });
    expect(fake.uploads).toEqual([{ name: 'image.png', subfolder: `limner/${id}`, bytes: picture.length }]);
    expect(fake.prompts[0]?.prompt['1']?.inputs['image']).toBe(`limner/${id}/image.png`);
  });

  test.each([
    ['value', 'image_failed'],
    ['oom', 'image_memory'],
    ['block', 'image_failed'],
  ])('whose node fails (%s) ends as %s', async (kind, code) => {
    const fake = await fakeComfy();
    const { run } = await bed([fake]);
    const job = await run('failing', { kind });
    expect(job).toMatchObject({ state: 'failed', error: { code } });
    expect(job.error?.message).not.toContain('/srv');
    expect(fake.prompts).toHaveLength(kind === 'oom' ? 2 : 1);
    expect(fake.frees).toHaveLength(kind === 'oom' ? 2 : 0);
  });
});

describe('the server', () => {
  test.each([{ hasNoJobs: true }, { isPoisoned: true }, { historyDelayMs: 80 }, { cutDownloads: 40 }])(
    'with %o still gives the picture',
    async (settings) => {
      const { run } = await bed([await fakeComfy(settings)]);
      expect(await run('plain')).toMatchObject({ state: 'done', error: null });
    },
  );

  test.each([true, false])('that answers 500 and queues it (%s) runs it once', async (runs) => {
    const fake = await fakeComfy({ failPosts: { times: 1, runs } });
    const { run } = await bed([fake]);
    expect(await run('slow')).toMatchObject({ state: 'done' });
    expect(fake.prompts).toHaveLength(runs ? 1 : 2);
  });

  test('that drops the socket is reconnected, and the job goes on', async () => {
    const fake = await fakeComfy();
    const { images } = await bed([fake]);
    const { id } = await images.submit({ workflow: 'slow', inputs: { seconds: 0.5 } });
    await until(() => images.get(id).progress > 0, 'the first tick');
    fake.sockets.drop();
    await until(() => fake.sockets.count() > 0, 'a new socket');
    expect(await images.wait(id, soon())).toMatchObject({ state: 'done' });
    expect(fake.prompts).toHaveLength(1);
  });

  test('whose socket is deaf is healed under the same id, and polling ends the job', async () => {
    const fake = await fakeComfy();
    const { images } = await bed([fake]);
    const [before] = await until(
      () => (fake.sockets.ids().length > 0 ? fake.sockets.ids() : undefined),
      'a socket',
    );
    fake.sockets.deafen();
    const { id } = await images.submit({ workflow: 'slow', inputs: { seconds: 1 } });
    await until(() => fake.sockets.ids().includes(before ?? ''), 'the same id to hear again');
    expect(await images.wait(id, soon())).toMatchObject({ state: 'done' });
  });

  test('that is killed in the middle and started again makes the picture all the same', async () => {
    const fake = await fakeComfy();
    const { images } = await bed([fake]);
    const { id } = await images.submit({ workflow: 'slow', inputs: { seconds: 0.6 } });
    await until(() => images.get(id).progress > 0, 'the run to begin');
    await fake.stop();
    await fake.start();
    const job = await images.wait(id, soon());
    expect(job).toMatchObject({ state: 'done', attempts: 2 });
    expect(new Set(fake.prompts.map(({ prompt_id }) => prompt_id)).size).toBe(2);
  });

  test('that neither runs nor stops is not used any more', async () => {
    const [zombie, good] = [await fakeComfy({ isZombie: true }), await fakeComfy()];
    const { images } = await bed([zombie, good], { depth: 1, times: { ...shortStall() } });
    const first = await images.submit({ workflow: 'slow', inputs: {} });
    expect(await images.wait(first.id, soon())).toMatchObject({ error: { code: 'image_timeout' } });
    expect(images.workers().map(({ stuck }) => stuck)).toEqual([true, false]);
    const second = await images.submit({ workflow: 'slow', inputs: {} });
    expect(await images.wait(second.id, soon())).toMatchObject({ state: 'done', worker: good.url });
  });

  test('that wants credentials gets them on every request and on the socket', async () => {
    const authorization = `Basic ${Buffer.from('me:secret').toString('base64')}`;
    const fake = await fakeComfy({ authorization });
    const { run, lines } = await bed([fake], { workers: [fake.url.replace('//', '//me:secret@')] });
    expect(await run('plain')).toMatchObject({ state: 'done' });
    expect(fake.upgrades[0]).toMatchObject({ authorization });
    expect(lines.join('')).not.toContain('secret');
  });

  test('gets two jobs at once, and the second is not timed out while it waits for the first', async () => {
    const fake = await fakeComfy();
    const { images } = await bed([fake]);
    const jobs = await Promise.all([1, 2].map(() => images.submit({ workflow: 'short', inputs: {} })));
    const ended = await Promise.all(jobs.map(({ id }) => images.wait(id, soon())));
    expect(ended.map(({ state, attempts }) => [state, attempts])).toEqual([
      ['done', 1],
      ['done', 1],
    ]);
    const { id } = await images.submit({ workflow: 'short', inputs: { seconds: 6 } });
    expect(await images.wait(id, soon())).toMatchObject({
      state: 'failed',
      error: { code: 'image_timeout' },
    });
  });

  test('that is stuck loses the job that waits behind the stuck one to another worker', async () => {
    const [zombie, good] = [await fakeComfy({ isZombie: true }), await fakeComfy({ vramBytes: 1 })];
    const { images } = await bed([zombie, good], { times: shortStall() });
    const jobs = await Promise.all([1, 2, 3].map(() => images.submit({ workflow: 'slow', inputs: {} })));
    const ended = await Promise.all(jobs.map(({ id }) => images.wait(id, soon())));
    const onZombie = ended.filter(({ worker }) => worker === zombie.url);
    expect(onZombie.map(({ error }) => error?.code)).toEqual(['image_timeout']);
    expect(ended.filter(({ state }) => state === 'done').map(({ worker }) => worker)).toEqual([
      good.url,
      good.url,
    ]);
  });

  test('that answers a download with a page fails the job', async () => {
    const { run } = await bed([await fakeComfy({ liesOnView: true })]);
    expect(await run('plain')).toMatchObject({ state: 'failed', error: { code: 'image_answer' } });
  });
});

function shortStall() {
  return {
    stallMs: 250,
    cancelLimitMs: 120,
    cancelMs: 30,
    pollMs: [20, 20] as [number, number],
    callMs: 2000,
  };
}

describe('cancelling', () => {
  test('stops a run and never the run of another', async () => {
    const fake = await fakeComfy();
    const { images } = await bed([fake]);
    const one = await images.submit({ workflow: 'slow', inputs: { seconds: 5 } });
    const other = await images.submit({ workflow: 'slow', inputs: { seconds: 0.2 } });
    await until(() => images.get(one.id).progress > 0 || images.get(other.id).progress > 0, 'a run');
    await images.cancel(one.id);
    expect(await images.wait(one.id, soon())).toMatchObject({ state: 'cancelled' });
    expect(await images.wait(other.id, soon())).toMatchObject({ state: 'done' });
    expect(fake.requests).not.toContain('POST /interrupt');
  });

  test('works on servers without the cancel route', async () => {
    const fake = await fakeComfy({ hasNoJobs: true });
    const { images } = await bed([fake]);
    const { id } = await images.submit({ workflow: 'slow', inputs: { seconds: 5 } });
    await until(() => images.get(id).progress > 0, 'a run');
    await images.cancel(id);
    expect(await images.wait(id, soon())).toMatchObject({ state: 'cancelled' });
    expect(fake.requests).toContain('POST /interrupt');
  });

  test('of a job that waits reaches no server', async () => {
    const fake = await fakeComfy();
    const { images } = await bed([fake], { depth: 1 });
    const one = await images.submit({ workflow: 'slow', inputs: { seconds: 1 } });
    const two = await images.submit({ workflow: 'slow', inputs: { seconds: 1 } });
    expect(await images.cancel(two.id)).toMatchObject({ state: 'cancelled' });
    await images.cancel(one.id);
    await images.wait(one.id, soon());
    expect(fake.prompts.length).toBeLessThan(2);
  });
});

test('a job that runs while the service ends is taken up again, not run twice', async () => {
  const fake = await fakeComfy();
  const service = await bed([fake]);
  const { id } = await service.images.submit({ workflow: 'slow', inputs: { seconds: 0.6 } });
  await until(() => service.images.get(id).progress > 0, 'the run to begin');
  const images = await service.reopen(false);
  const seen: number[] = [];
  images.events.on('change', ({ progress, state }) => state === 'running' && seen.push(progress));
  expect(await images.wait(id, soon())).toMatchObject({ state: 'done', attempts: 1 });
  expect(Math.max(0, ...seen)).toBeGreaterThan(0.9);
  expect(fake.prompts).toHaveLength(1);
});

test('a job that waits for a workflow which is gone after a restart fails, and says why', async () => {
  const fake = await fakeComfy({ isZombie: true });
  const service = await bed([fake], { depth: 1 });
  await service.images.submit({ workflow: 'plain', inputs: { color: 1 } });
  const { id } = await service.images.submit({ workflow: 'slow', inputs: {} });
  expect(service.images.get(id).state).toBe('waiting');
  const path = join(service.folder, 'workflows', 'manifest.yml');
  await writeFile(path, (await readFile(path, 'utf8')).replace('- name: slow', '- name: slower'));
  const images = await service.reopen();
  expect(images.get(id)).toMatchObject({ state: 'failed', error: { code: 'workflow_invalid' } });
});

describe('several workers', () => {
  test('share the work, and each gets only what it can run', async () => {
    const [small, large] = [await fakeComfy(), await fakeComfy({ vramBytes: 96 * 2 ** 30 })];
    const { images, run } = await bed([small, large], { depth: 1 });
    expect(await run('huge')).toMatchObject({ worker: large.url });
    const jobs = await Promise.all([1, 2, 3, 4].map(() => images.submit({ workflow: 'slow', inputs: {} })));
    const ended = await Promise.all(jobs.map(({ id }) => images.wait(id, soon())));
    expect(new Set(ended.map(({ worker }) => worker))).toEqual(new Set([small.url, large.url]));
  });

  test('are not kept from their work by jobs that wait for one which is away', async () => {
    const [small, large] = [await fakeComfy(), await fakeComfy({ vramBytes: 96 * 2 ** 30 })];
    const { images, run } = await bed([small, large]);
    await large.stop();
    await until(() => images.states().some(({ reachable }) => !reachable), 'the large one to be missed');
    for (let job = 0; job < 40; job++) await images.submit({ workflow: 'huge', inputs: {} });
    expect(await run('plain')).toMatchObject({ state: 'done', worker: small.url });
  });

  test('nor by jobs that wait for a LoRA which only such a one has', async () => {
    const models = (loras: string[]) => ({ models: { checkpoints: ['any.safetensors'], loras } });
    const [without, having] = [await fakeComfy(models([])), await fakeComfy(models(['ink.safetensors']))];
    const { images, run } = await bed([without, having]);
    await having.stop();
    await until(
      () => images.states().some(({ reachable }) => !reachable),
      'the one with the LoRA to be missed',
    );
    const inputs = { loras: [{ name: 'ink', strength: 0.5 }] };
    const { id } = await images.submit({ workflow: 'styled', inputs });
    for (let job = 0; job < 120; job++) await images.submit({ workflow: 'styled', inputs });
    expect(await run('plain')).toMatchObject({ state: 'done', worker: without.url });
    expect(await run('styled')).toMatchObject({ state: 'done', worker: without.url });
    expect(images.get(id).state).toBe('waiting');
  });

  test('say what they lack', async () => {
    const { images } = await bed([await fakeComfy()]);
    const found = images.workflows().find(({ workflow }) => workflow.name === 'trained');
    expect(found?.workers).toMatchObject([
      { state: 'missing_models', lacks: ['the model checkpoints/none.safetensors'] },
    ]);
    await expect(images.submit({ workflow: 'trained', inputs: {} })).rejects.toMatchObject({
      code: 'image_missing',
    });
  });

  test('are each named with what they lack when none can run a workflow', async () => {
    const [one, other] = [await fakeComfy({ vramBytes: 2 ** 30 }), await fakeComfy({ vramBytes: 2 ** 31 })];
    const { images } = await bed([one, other]);
    await expect(images.submit({ workflow: 'huge', inputs: {} })).rejects.toThrow(
      `No worker can run huge: ${one.url} lacks 80 GB of graphics memory; ${other.url} lacks 80 GB of graphics memory.`,
    );
  });

  test('are asked again before a model is said to be missing', async () => {
    const fake = await fakeComfy();
    const { images } = await bed([fake], { look: { absentMs: 50, presentMs: 60_000, againMs: 0 } });
    fake.settings.models['checkpoints'] = ['none.safetensors'];
    const { id } = await images.submit({ workflow: 'trained', inputs: {} });
    expect(await images.wait(id, soon())).toMatchObject({ state: 'done' });
  });

  test('get a job with a LoRA only where the LoRA is', async () => {
    const models = (loras: string[]) => ({ models: { checkpoints: ['any.safetensors'], loras } });
    const [without, having] = [await fakeComfy(models([])), await fakeComfy(models(['ink.safetensors']))];
    const { images, run } = await bed([without, having]);
    const job = await run('styled', { loras: [{ name: 'ink', strength: 0.5 }] });
    expect(job).toMatchObject({ state: 'done', worker: having.url });
    await expect(
      images.submit({ workflow: 'styled', inputs: { loras: [{ name: 'oil', strength: 1 }] } }),
    ).rejects.toMatchObject({ code: 'invalid_request', param: 'inputs.loras' });
  });
});

describe('bad input reaches no worker', () => {
  const picture = makePng(32, 32, 1, '');
  test.each([
    ['plain', { color: -1 }, {}, 'inputs.color'],
    ['plain', { color: 1.5 }, {}, 'inputs.color'],
    ['plain', { width: 65 }, {}, 'inputs.width'],
    ['plain', { nothing: 1 }, {}, 'inputs.nothing'],
    ['failing', { kind: 'exit' }, {}, 'inputs.kind'],
    ['from-picture', {}, {}, 'inputs.image'],
    ['from-picture', { image: '../../etc/passwd' }, {}, 'inputs.image'],
    ['from-picture', {}, { image: Buffer.from('GIF89a and so on, and so on, and more') }, 'image'],
    ['from-picture', {}, { image: hugePicture() }, 'image'],
    ['from-picture', {}, { image: picture, mask: makePng(16, 32, 1, '') }, 'mask'],
    ['plain', {}, { image: picture }, 'image'],
  ])('%s %j', async (workflow, inputs, pictures, param) => {
    const fake = await fakeComfy();
    const { images, folder } = await bed([fake]);
    await expect(images.submit({ workflow, inputs, pictures: { ...pictures } })).rejects.toMatchObject({
      code: 'invalid_request',
      param,
    });
    expect(fake.requests.filter((one) => !one.startsWith('GET '))).toEqual([]);
    expect(await readdir(folder)).not.toContain('media');
  });

  test('a picture that is larger than any worker takes', async () => {
    const fake = await fakeComfy({ maxUploadBytes: 60 });
    const { images } = await bed([fake]);
    const order = { workflow: 'from-picture', inputs: {}, pictures: { image: picture } };
    await expect(images.submit(order)).rejects.toMatchObject({ code: 'too_large', param: 'image' });
    expect(fake.requests.filter((one) => !one.startsWith('GET '))).toEqual([]);
  });

  test('a stored picture and a mask of another size', async () => {
    const fake = await fakeComfy();
    const { images, run } = await bed([fake]);
    const { outputs } = await run('plain');
    const posts = (): number => fake.requests.filter((one) => !one.startsWith('GET ')).length;
    const before = posts();
    const order = {
      workflow: 'from-picture',
      inputs: { image: outputs[0]?.id },
      pictures: { mask: picture },
    };
    await expect(images.submit(order)).rejects.toMatchObject({ code: 'invalid_request', param: 'mask' });
    expect(posts()).toBe(before);
  });
});

/** A PNG that says it is 60 000 pixels wide. */
function hugePicture(): Buffer {
  const bytes = makePng(8, 8, 1, '');
  bytes.writeUInt32BE(60_000, 16);
  bytes.writeUInt32BE(60_000, 20);
  return bytes;
}
