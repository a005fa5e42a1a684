import { describe, expect, onTestFinished, test } from 'vitest';
import { createGpuLease, type GpuLeaseOptions } from '../src/gpu-lease.ts';
import { createTurns } from '../src/gpu-turns.ts';
import { createLog } from '../src/log.ts';
import { createModels } from '../src/models/models.ts';
import { createOllamaMemory } from '../src/models/ollama-memory.ts';
import { createFakeOllama } from './fakes/ollama.ts';
import { bed, fakeComfy } from './comfy/bed.ts';
import { until } from './until.ts';

const never = new AbortController().signal;
const soon = (): AbortSignal => AbortSignal.timeout(20_000);
const EMBED = 'nomic-embed-text';
const CHAT = 'qwen3:4b';

/** Both servers on one card that writes down who works on it. */
async function card(options: Partial<GpuLeaseOptions> = {}, settings: { shown?: boolean } = {}) {
  const order: string[] = [];
  const working = { pictures: 0, models: 0 };
  const problems: string[] = [];
  const note = (side: 'pictures' | 'models', begins: boolean): void => {
    working[side] += begins ? 1 : -1;
    if (begins) order.push(side);
    if (working.pictures > 0 && working.models > 0) problems.push('both at once');
  };
  const ollama = await createFakeOllama({
    costMs: { chatPart: 15, embedCall: 5 },
    reply: () => ['one ', 'two ', 'three ', 'four ', 'five ', 'six'],
    onWork(begins) {
      if (begins && comfy.heldBytes() > 0) problems.push('a model began beside a loaded painter');
      note('models', begins);
    },
  });
  onTestFinished(() => ollama.stop());
  const comfy = await fakeComfy({
    foreignBytes: () => (settings.shown === false ? 0 : ollama.loaded.size * ollama.settings.modelBytes),
    onRun(begins) {
      if (begins && ollama.loaded.size > 0) problems.push('a picture began beside loaded models');
      note('pictures', begins);
    },
  });
  const lines: string[] = [];
  const log = createLog({ level: 'info', secrets: [], write: (line) => void lines.push(line) });
  const lease = createGpuLease(
    { shared: 'yes', roles: { chat: true, embed: true }, ...options },
    { ollama: createOllamaMemory(ollama.url, 3000), log },
  );
  const models = lease.models(
    createModels(
      { ollama: { host: ollama.url, embedModel: EMBED, chatModel: CHAT } },
      { identify: async () => 'the same', log },
    ),
  );
  onTestFinished(() => models.close());
  await models.check();
  const service = await bed([comfy], {}, { lease: lease.pictures });
  const chat = async (): Promise<string> => {
    let said = '';
    for await (const { text } of models.chat([{ role: 'user', content: 'say it' }], {}, soon())) said += text;
    return said;
  };
  const paint = (): Promise<{ id: string }> =>
    service.images.submit({ workflow: 'slow', inputs: { seconds: 0.15 } });
  const painted = async (): Promise<string> => {
    const { id } = await paint();
    return (await service.images.wait(id, soon())).state;
  };
  return {
    ollama,
    comfy,
    models,
    lines,
    order,
    problems,
    working,
    chat,
    paint,
    painted,
    images: service.images,
  };
}

describe('one card for Ollama and ComfyUI', () => {
  test('is never used by both, and each lets go before the other begins', async () => {
    const { chat, painted, models, problems, working, ollama, comfy } = await card();
    const work: Promise<unknown>[] = [];
    for (let round = 0; round < 4; round++) {
      work.push(painted());
      await until(() => working.pictures > 0, 'a picture');
      work.push(
        chat(),
        models.embed.documents(['a text', 'another'], soon()).then((vectors) => vectors.length),
      );
      work.push(models.embed.query('what', soon()).then((vector) => vector.length > 0));
      await until(() => working.models > 0, 'a model');
    }
    const results = await Promise.all(work);
    expect(results.filter((one) => one === 'done')).toHaveLength(4);
    expect(results.filter((one) => one === 'one two three four five six')).toHaveLength(4);
    expect(results.filter((one) => one === 2)).toHaveLength(4);
    expect(problems).toEqual([]);
    expect(ollama.requests('generate')).toContainEqual(
      expect.objectContaining({ model: CHAT, keep_alive: 0 }),
    );
    expect(comfy.frees).toContainEqual({ unload_models: true, free_memory: true });
  });

  test('lets a chat wait for the running picture and for no other', async () => {
    const { chat, paint, order, working, images } = await card();
    const jobs = await Promise.all([paint(), paint(), paint()]);
    await until(() => working.pictures > 0, 'the first picture');
    await chat();
    expect(order).toEqual(['pictures', 'models', ...order.slice(2)]);
    for (const { id } of jobs) expect((await images.wait(id, soon())).state).toBe('done');
  });

  test('lets a picture wait for a chat that streams, and begins before the chats that came after', async () => {
    const { chat, painted, order, working, images } = await card();
    const first = chat();
    await until(() => working.models > 0, 'the chat');
    const picture = painted();
    await until(() => images.workers()[0]?.busy === 1, 'the picture to wait');
    const later = chat();
    await Promise.all([first, picture, later]);
    expect(order).toEqual(['models', 'pictures', 'models']);
  });

  test('keeps a chat waiting for a picture that hangs only so long, and none that comes later', async () => {
    const { chat, images, working, lines, painted } = await card({ pictureMs: 300, clearMs: 100 });
    const { id } = await images.submit({ workflow: 'slow', inputs: { seconds: 18 } });
    await until(() => working.pictures > 0, 'the picture');
    const waited = chat();
    expect(await Promise.race([waited, images.wait(id, soon())])).toContain('six');
    const again = performance.now();
    await chat();
    expect(performance.now() - again).toBeLessThan(5000);
    expect(images.get(id).state).toBe('running');
    expect(lines.join('').match(/the models wait no longer/g)).toHaveLength(1);
    await images.cancel(id);
    expect(await painted()).toBe('done');
  });

  test('is left by a chat that nobody reads to its end', async () => {
    const { models, painted } = await card();
    const leaving = new AbortController();
    const parts = models.chat([{ role: 'user', content: 'x' }], {}, leaving.signal);
    await parts.next();
    const picture = painted();
    leaving.abort();
    expect(await picture).toBe('done');
    for await (const { text } of models.chat([{ role: 'user', content: 'x' }], {}, soon())) if (text) break;
    expect(await painted()).toBe('done');
  });

  test('a picture that is cancelled while it waits for the card never begins', async () => {
    const { chat, paint, images, working, comfy } = await card();
    const said = chat();
    await until(() => working.models > 0, 'the chat');
    const { id } = await paint();
    await images.cancel(id);
    expect(await images.wait(id, soon())).toMatchObject({ state: 'cancelled' });
    await said;
    expect(comfy.prompts).toEqual([]);
  });

  test('is seen from the figures: Ollama on the same machine holds what the painter misses', async () => {
    const { chat, painted, problems, lines, ollama } = await card({ shared: 'auto' });
    await chat();
    expect(ollama.loaded.size).toBe(1);
    expect(await painted()).toBe('done');
    expect([problems, ollama.loaded.size]).toEqual([[], 0]);
    expect(lines.join('')).toContain('Ollama has the same card');
  });

  test.each(['auto', 'no'] as const)('is not waited for where there are two cards (%s)', async (shared) => {
    const { chat, painted, ollama, comfy } = await card({ shared }, { shown: false });
    await chat();
    await Promise.all([painted(), chat()]);
    expect([ollama.loaded.size, comfy.frees]).toEqual([1, []]);
  });

  test('goes to the next also when Ollama or ComfyUI is away', async () => {
    const { chat, painted, ollama, comfy, lines } = await card({ clearMs: 300 });
    await chat();
    await ollama.stop();
    expect(await painted()).toBe('done');
    await ollama.start();
    await comfy.stop();
    expect(await chat()).toContain('six');
    expect(lines.join('')).toContain('the card was not cleared in time');
  });
});

test('a call that asks for a second turn while a picture waits does not wait for itself', async () => {
  const turns = createTurns({ patienceMs: 50, pictureMs: 10_000 });
  const outer = await turns.models(never);
  const picture = turns.picture(never);
  const inner = await turns.models(never);
  inner();
  outer();
  expect(await picture).toBeTypeOf('function');
});

test('who comes while a picture hangs waits neither for it nor for the pictures behind it', async () => {
  const told: number[] = [];
  const turns = createTurns({ patienceMs: 60_000, pictureMs: 20, onLate: () => told.push(1) });
  const endHung = await turns.picture(never);
  const next = turns.picture(never);
  const first = await turns.models(never);
  const second = await turns.models(never);
  endHung();
  let hasBegun = false;
  void next.then(() => (hasBegun = true));
  await new Promise(setImmediate);
  expect(hasBegun).toBe(false);
  first();
  second();
  const endNext = await next;
  expect(told).toEqual([1]);
  endNext();
});

test('turns alternate, whoever asks more', async () => {
  const turns = createTurns({ patienceMs: 10_000, pictureMs: 10_000 });
  const order: string[] = [];
  const use = async (side: 'picture' | 'models'): Promise<void> => {
    const release = await turns[side](never);
    order.push(side);
    await new Promise(setImmediate);
    release();
  };
  const asks = (['picture', 'models', 'picture', 'picture', 'models', 'models'] as const).map(use);
  await Promise.all(asks);
  expect(order).toEqual(['picture', 'models', 'models', 'models', 'picture', 'picture']);
});
