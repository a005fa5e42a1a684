import { describe, expect, test, vi } from 'vitest';
import type { ModelState } from '../../src/models/model-state.ts';
import { chatModel, embedModel } from '../fakes/ollama.ts';
import { bothReady, createPair, createReadyPair, QUICK, reached } from './setup.ts';

const failure = (code: string) => expect.objectContaining({ name: 'LimnerError', code });

describe('status', () => {
  test('before the first look nothing is ready', async () => {
    const { fake, server, signal } = await createPair();
    expect(server.status()).toMatchObject({
      url: fake.url,
      reachable: false,
      embed: { state: 'unreachable' },
    });
    await expect(server.embed.query('one', signal)).rejects.toEqual(failure('model_unavailable'));
  });

  test('a look finds the server and its models', async () => {
    const { fake, server } = await createPair();
    expect(await server.check()).toEqual({
      kind: 'ollama',
      url: fake.url,
      reachable: true,
      version: '0.21.0',
      embed: { name: 'nomic-embed-text', state: 'ready' },
      chat: { name: 'qwen3:4b', state: 'ready' },
    });
  });

  test('a listener hears of changes until it is let go', async () => {
    const { fake, server } = await createReadyPair();
    const heard = vi.fn<() => void>();
    const stop = server.onChange(heard);
    await server.check();
    expect(heard).not.toHaveBeenCalled();
    fake.installed[0] = embedModel({ weights: 1 });
    await server.check();
    expect(heard).toHaveBeenCalled();
    stop();
    heard.mockClear();
    fake.installed[0] = embedModel({ weights: 2 });
    await server.check();
    expect(heard).not.toHaveBeenCalled();
  });

  test('credentials in the address are sent and not shown', async () => {
    const { fake, server, lines } = await createReadyPair({
      host: ({ port }) => `http://user:canary@127.0.0.1:${port}`,
    });
    expect(fake.exchanges[0]?.authorization).toBe(`Basic ${btoa('user:canary')}`);
    await fake.stop();
    const error = await server.embed
      .query('one', new AbortController().signal)
      .catch((error: unknown) => error);
    expect(error).toEqual(failure('model_unavailable'));
    expect(`${String(error)} ${JSON.stringify([server.status(), lines])}`).not.toMatch(/canary|user:/);
    await fake.start();
  });
});

describe('models', () => {
  test('beside the configured ones that are slow to tell about themselves make no server slow', async () => {
    const { fake, server } = await createReadyPair({ timeouts: { status: 100 } });
    fake.installed.push(chatModel({ name: 'slow:1b' }));
    fake.plan({ failAt: 'show', kind: 'hang', times: 4 });
    for (let look = 0; look < 4; look++) expect((await server.check()).chat.state).toBe('ready');
    expect(server.chatModels().map(({ name }) => name)).toEqual(['qwen3:4b']);
    await server.check();
    expect(server.chatModels().map(({ name }) => name)).toEqual(['qwen3:4b', 'slow:1b']);
  });

  test('identity is the name and the digest, so other weights are another model', async () => {
    const { fake, server } = await createReadyPair();
    const before = server.embed.ready();
    expect(before).toEqual({
      identity: expect.stringMatching(/^nomic-embed-text@[0-9a-f]{12}$/),
      contextTokens: 2048,
    });
    fake.installed[0] = embedModel({ weights: 1 });
    await server.check();
    expect(server.embed.ready()?.identity).toMatch(/^nomic-embed-text@[0-9a-f]{12}$/);
    expect(server.embed.ready()?.identity).not.toBe(before?.identity);
  });

  test.each(['nomic-embed-text', 'nomic-embed-text:latest', 'Nomic-Embed-Text'])(
    '%s is one',
    async (name) => {
      const { server } = await createReadyPair({ embedModel: name });
      expect(server.embed.ready()?.identity).toMatch(/^nomic-embed-text@/);
    },
  );

  test.each([
    [{ contextTokens: 512, numCtx: 256 }, 256],
    [{ contextTokens: 2048, numCtx: 8192 }, 2048],
    [{ contextTokens: 40_960 }, 8192],
  ])('the context for embedding with %j is %i', async (model, tokens) => {
    const { server } = await createReadyPair({ installed: [embedModel(model)] });
    expect(server.embed.ready()?.contextTokens).toBe(tokens);
  });

  test.each(['status', 'html'] as const)(
    'one that cannot be described (%s) is broken alone',
    async (kind) => {
      const { fake, server } = await createPair();
      fake.plan({ failAt: 'show', kind, times: 1 });
      const { embed, chat } = await server.check();
      expect(embed).toMatchObject({ state: 'failed', message: expect.stringMatching(/Ollama/) });
      expect(chat.state).toBe('ready');
      expect((await server.check()).embed.state).toBe('ready');
      expect(fake.requests('pull')).toEqual([]);
    },
  );

  test('the chat model tells its own context', async () => {
    const { server } = await createReadyPair({ installed: [chatModel({ numCtx: 8192 })] });
    expect(server.chatReady()).toEqual({
      identity: expect.stringContaining('qwen3:4b@'),
      contextTokens: 40_960,
    });
  });
});

describe('missing models', () => {
  const bare = { installed: [], registry: [embedModel(), chatModel()] };

  test('are pulled, the one for embedding first, with progress', async () => {
    const { fake, server, lines } = await createPair(bare);
    const seen: ModelState[] = [];
    server.onChange(() => seen.push(server.status().embed));
    server.start();
    await reached(server, bothReady);
    expect(fake.requests('pull')).toEqual([
      { name: 'nomic-embed-text', stream: true },
      { name: 'qwen3:4b', stream: true },
    ]);
    const shares = seen.filter((model) => model.state === 'pulling').map((model) => model.progress ?? 0);
    expect(shares).toEqual(shares.toSorted((one, other) => one - other));
    expect(shares).toEqual(expect.arrayContaining([0, 0.5, 1]));
    const logged = lines.filter((line) => line.msg === 'pulling the model').length;
    expect(logged).toBeGreaterThan(2 * 5);
    expect(logged).toBeLessThanOrEqual(2 * 11);
  });

  test('that cannot be pulled say why, and are tried again', async () => {
    const { fake, server } = await createPair({ installed: [chatModel()], pollMs: { pull: QUICK.pull } });
    server.start();
    const { embed, chat } = await reached(server, (status) => status.embed.state === 'failed');
    expect(embed.message).toContain('pull model manifest: file does not exist');
    expect(chat.state).toBe('ready');
    fake.registry.push(embedModel());
    await reached(server, bothReady);
    expect(fake.requests('pull').length).toBeGreaterThan(1);
  });

  test('are tried at once when the server is back', async () => {
    const { fake, server } = await createPair({ installed: [chatModel()], pollMs: { absent: QUICK.absent } });
    server.start();
    await reached(server, ({ embed }) => embed.state === 'failed');
    await fake.stop();
    expect((await server.check()).reachable).toBe(false);
    fake.registry.push(embedModel());
    await fake.start();
    const status = await reached(server, bothReady);
    expect(status.embed.message).toBeUndefined();
  });

  test('one that fails does not keep the other waiting', async () => {
    const { server } = await createPair({ installed: [], registry: [chatModel()] });
    server.start();
    const status = await reached(server, ({ chat }) => chat.state === 'ready');
    expect(status.embed.state).toBe('failed');
  });

  test.each(['cut', 'hang stream', 'error line'] as const)(
    'a pull that ends with %s is resumed',
    async (kind) => {
      const { fake, server } = await createPair({
        ...bare,
        timeouts: { pullNext: 500 },
        pollMs: { pull: QUICK.pull },
      });
      fake.plan({ failAt: 'pull', kind, afterLines: 5, times: 1 });
      server.start();
      await reached(server, ({ embed }) => embed.state === 'failed');
      await reached(server, bothReady);
      expect(fake.requests('pull').length).toBe(3);
    },
  );

  test('a pull ends when the connection is closed', async () => {
    const { fake, server } = await createPair({ ...bare, costMs: { pullStep: 1000 } });
    server.start();
    await vi.waitFor(() => expect(fake.requests('pull').length).toBe(1));
    await server.close();
    await vi.waitFor(() => expect(fake.exchanges.at(-1)).toMatchObject({ route: 'pull', end: 'closed' }));
  });
});

describe('a server that comes and goes', () => {
  test('is noticed when it comes', async () => {
    const { fake, server } = await createPair({ pollMs: { absent: QUICK.absent } });
    await fake.stop();
    server.start();
    const { embed } = await reached(
      server,
      (status) => status.embed.message?.includes('ECONNREFUSED') ?? false,
    );
    expect(embed.state).toBe('unreachable');
    await fake.start();
    await reached(server, bothReady);
  });

  test('is noticed by the first call when it goes, and by the clock when it is back', async () => {
    const { fake, server, lines, signal } = await createReadyPair({ pollMs: { absent: QUICK.absent } });
    await fake.stop();
    await expect(server.embed.query('one', signal)).rejects.toEqual(failure('model_unavailable'));
    expect(server.status()).toMatchObject({ reachable: false, chat: { state: 'unreachable' } });
    expect(server.embed.ready()).toBeUndefined();
    await fake.start();
    await reached(server, bothReady);
    await server.embed.query('one', signal);
    expect(lines.filter((line) => line.level === 40).length).toBe(1);
  });

  test('is noticed by the clock when it goes', async () => {
    const { fake, server } = await createReadyPair({ pollMs: { present: 10 } });
    await fake.stop();
    const status = await reached(server, ({ reachable }) => !reachable);
    expect(status.version).toBeUndefined();
  });

  test('is not given up for one slow answer, but for several', async () => {
    const { fake, server } = await createReadyPair({ timeouts: { status: 300 } });
    fake.plan({ failAt: 'version', kind: 'hang' });
    expect(await server.check()).toMatchObject({ reachable: true });
    expect(await server.check()).toMatchObject({ reachable: true });
    expect(await server.check()).toMatchObject({ reachable: false });
  });

  test.each(['html', 'truncated json', 'drip', 'status', 'reset'] as const)(
    'is not taken for one when it answers %s',
    async (kind) => {
      const { fake, server } = await createPair({ timeouts: { status: 50 } });
      fake.plan({ failAt: 'version', kind });
      expect(await server.check()).toMatchObject({
        reachable: false,
        embed: { state: 'unreachable', message: expect.stringMatching(/\w/) },
      });
    },
  );

  test('is not one when there is something else at the address', async () => {
    const { server } = await createPair({ host: ({ url }) => `${url}/elsewhere` });
    const { embed } = await server.check();
    expect(embed.message).toContain('not Ollama');
  });
});

describe('close', () => {
  test('ends what is under way', async () => {
    const { fake, server, signal } = await createReadyPair();
    fake.plan({ failAt: 'embed', kind: 'hang' });
    const result = server.embed.query('one', signal);
    await vi.waitFor(() => expect(fake.requests('embed').length).toBe(1));
    await server.close();
    await expect(result).rejects.toEqual(failure('cancelled'));
  });

  test('asks nothing any more', async () => {
    const { fake, server } = await createReadyPair({ pollMs: QUICK });
    await server.close();
    const asked = fake.exchanges.length;
    await server.check();
    expect(fake.exchanges.length).toBe(asked);
  });
});
