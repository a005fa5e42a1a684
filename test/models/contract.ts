import { describe, expect, test, vi } from 'vitest';
import type { ChatMessage, ChatOptions, ChatPart, ModelServer } from '../../src/models/model-server.ts';
import { countTokens } from '../fakes/ollama-embedding.ts';
import { chatModel, type FakeModel } from '../fakes/ollama-models.ts';
import { dot } from './setup.ts';

/** What the contract needs of a fake, whatever it speaks. Its models are `nomic-embed-text` and `qwen3:4b`. */
export interface Bed {
  server: ModelServer;
  /** The fake's models; a change is seen at the next look. */
  models: FakeModel[];
  say(parts: readonly string[], partMs?: number): void;
  /** The next answer breaks off in the middle, with an error or without a word. */
  breakNextChat(how: 'cut' | 'error'): void;
  /** Bodies of the requests for answers, and how the last one ended. */
  chats(): { bodies: unknown[]; end: string | undefined };
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** Changes a model of the fake in its place. */
function change({ models }: Bed, at: number, to: Partial<FakeModel>): void {
  const model = models[at];
  if (model) models[at] = { ...model, ...to };
}

const failure = (code: string) => expect.objectContaining({ name: 'LimnerError', code });
const user = (content: string): ChatMessage[] => [{ role: 'user', content }];
const { signal } = new AbortController();
const TOOL = {
  name: 'weather',
  description: 'Tells the weather.',
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};
const PIXEL =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

/** Holds for every kind of model server. `create` gives one that has been looked at, with its fake. */
export function modelServerContract(name: string, create: (models?: FakeModel[]) => Promise<Bed>): void {
  const ask = (bed: Bed, options: ChatOptions = {}, messages = user('Hello?')): Promise<ChatPart[]> =>
    Array.fromAsync(bed.server.chat(messages, options, signal));
  const textOf = (parts: readonly ChatPart[]): string => parts.map(({ text }) => text).join('');

  describe(`${name}: the models`, () => {
    test('are ready after a look, with an identity of the embedding model that tells its weights', async () => {
      const bed = await create();
      expect(bed.server.status()).toMatchObject({
        reachable: true,
        embed: { state: 'ready' },
        chat: { state: 'ready' },
      });
      const before = bed.server.embed.ready()?.identity;
      expect(before).toMatch(/^nomic-embed-text@[0-9a-f]{12}$/);
      change(bed, 0, { weights: 1 });
      await bed.stop();
      await bed.server.check();
      await bed.start();
      await bed.server.check();
      expect(bed.server.embed.ready()?.identity).toMatch(/^nomic-embed-text@[0-9a-f]{12}$/);
      expect(bed.server.embed.ready()?.identity).not.toBe(before);
    });

    test('that write are listed, and each answers by its name', async () => {
      const bed = await create();
      expect(bed.server.chatModels().map((model) => model.name)).toEqual(['qwen3:4b']);
      bed.models.push(chatModel({ name: 'other:1b' }));
      await bed.server.check();
      expect(bed.server.chatModels().map((model) => model.name)).toEqual(['qwen3:4b', 'other:1b']);
      await ask(bed, { model: 'other:1b' });
      expect(bed.chats().bodies.at(-1)).toMatchObject({ model: 'other:1b' });
      await expect(ask(bed, { model: 'none:1b' })).rejects.toEqual(failure('model_missing'));
    });
  });

  describe(`${name}: vectors`, () => {
    test('have length 1, come in order and put what means the same near', async () => {
      const { server } = await create();
      const vectors = await server.embed.documents(['The car is broken.', 'Cats sleep.'], signal);
      const query = await server.embed.query('a broken automobile', signal);
      const [near = 0, far = 0] = vectors.map((vector) => dot(vector, query));
      for (const vector of [...vectors, query]) expect(dot(vector, vector)).toBeCloseTo(1, 5);
      expect(near).toBeGreaterThan(far + 0.5);
    });

    test('of texts as they are have no prefix, and their tokens are counted', async () => {
      const { server } = await create();
      const { vectors, tokens } = await server.embed.plain(['The car is broken.', 'Cats.'], signal);
      expect(vectors).toHaveLength(2);
      expect(tokens).toBe(countTokens('The car is broken.') + countTokens('Cats.'));
    });

    test('of a text that is too long are the mean of its parts', async () => {
      const bed = await create();
      change(bed, 0, { contextTokens: 50 });
      const text = Array.from({ length: 120 }, (_, at) => `word${at}`).join(' ');
      const [vector] = await bed.server.embed.documents([text], signal);
      expect(vector && dot(vector, vector)).toBeCloseTo(1, 5);
      expect(bed.server.embed.stats().splits).toBeGreaterThan(0);
    });

    test('of a model that is swapped meanwhile are refused', async () => {
      const bed = await create();
      change(bed, 0, { weights: 2 });
      await expect(bed.server.embed.documents(['one'], signal)).rejects.toEqual(failure('model_answer'));
    });
  });

  describe(`${name}: an answer`, () => {
    test('comes in pieces and ends with what it took', async () => {
      const bed = await create();
      bed.say(['Limners ', 'paint [', '1', '].']);
      const parts = await ask(bed);
      expect(parts.map(({ text }) => text)).toEqual(['Limners ', 'paint [', '1', '].', '']);
      expect(parts.at(-1)?.usage).toMatchObject({ completionTokens: 4, finish: 'stop' });
      expect(parts.at(-1)?.usage?.promptTokens).toBeGreaterThan(0);
    });

    test('says when it was cut', async () => {
      const bed = await create();
      bed.say(['one', ' two', ' three']);
      const parts = await ask(bed, { maxTokens: 2 });
      expect(textOf(parts)).toBe('one two');
      expect(parts.at(-1)?.usage?.finish).toBe('length');
    });

    test('may be a call of a tool, and goes on with what the tool gave', async () => {
      const bed = await create();
      const parts = await ask(bed, { tools: [TOOL] });
      const pieces = parts.flatMap(({ toolCalls = [] }) => toolCalls);
      expect(pieces[0]).toMatchObject({ index: 0, id: expect.stringMatching(/^call_/), name: 'weather' });
      const text = pieces.map((piece) => piece.arguments).join('');
      expect(JSON.parse(text)).toEqual({ city: 'OK' });
      expect(parts.at(-1)?.usage?.finish).toBe('tool_calls');

      bed.say(['Sunny.']);
      const id = pieces[0]?.id ?? '';
      const call = { id, name: 'weather', arguments: text };
      const turns: ChatMessage[] = [
        ...user('How is the weather?'),
        { role: 'assistant', content: '', toolCalls: [call] },
        { role: 'tool', content: 'sun', toolCallId: id },
      ];
      expect(textOf(await ask(bed, { tools: [TOOL] }, turns))).toBe('Sunny.');
    });

    test('calls nothing when it must not, and is offered only what it must call', async () => {
      const bed = await create();
      bed.say(['No.']);
      const other = { ...TOOL, name: 'other' };
      expect(textOf(await ask(bed, { tools: [TOOL], toolChoice: 'none' }))).toBe('No.');
      const parts = await ask(bed, { tools: [TOOL, other], toolChoice: { name: 'other' } });
      expect(parts.flatMap(({ toolCalls = [] }) => toolCalls)[0]?.name).toBe('other');
    });

    test('is JSON of a schema where one is given', async () => {
      const bed = await create();
      const schema = { type: 'object', properties: { status: { type: 'string', enum: ['ok'] } } };
      const parts = await ask(bed, { format: { name: 'status', schema } });
      expect(JSON.parse(textOf(parts))).toEqual({ status: 'ok' });
    });

    test('is asked for with pictures', async () => {
      const bed = await create();
      await ask(bed, {}, [{ role: 'user', content: 'What is this?', images: [PIXEL] }]);
      expect(JSON.stringify(bed.chats().bodies.at(-1))).toContain('iVBORw0KGgo');
    });

    test.each(['cut', 'error'] as const)('that breaks off throws (%s)', async (how) => {
      const bed = await create();
      bed.breakNextChat(how);
      await expect(ask(bed)).rejects.toEqual(failure('model_answer'));
    });

    test('to a prompt that does not fit throws', async () => {
      const bed = await create();
      await expect(ask(bed, {}, user('+ '.repeat(45_000)))).rejects.toEqual(failure('input_too_long'));
    });
  });

  describe(`${name}: the caller`, () => {
    test('who leaves the loop stops the model', async () => {
      const bed = await create();
      bed.say(Array<string>(10_000).fill('and '), 5);
      for await (const part of bed.server.chat(user('Go on.'), {}, signal)) if (part.text) break;
      await vi.waitFor(() => expect(bed.chats().end).toBe('closed'));
    });

    test('who cancels stops the model', async () => {
      const bed = await create();
      bed.say(Array<string>(10_000).fill('and '), 5);
      const caller = new AbortController();
      const read = async (): Promise<void> => {
        for await (const part of bed.server.chat(user('Go on.'), {}, caller.signal))
          if (part.text) caller.abort();
      };
      await expect(read()).rejects.toEqual(failure('cancelled'));
      await vi.waitFor(() => expect(bed.chats().end).toBe('closed'));
    });
  });

  test(`${name}: a server that goes away is unavailable, and is used again when it is back`, async () => {
    const bed = await create();
    await bed.stop();
    await expect(ask(bed)).rejects.toEqual(failure('model_unavailable'));
    expect(bed.server.status().reachable).toBe(false);
    await expect(bed.server.embed.query('one', signal)).rejects.toEqual(failure('model_unavailable'));
    await bed.start();
    // A look that began before may still be under way, and a check joins it.
    await vi.waitFor(async () => expect((await bed.server.check()).chat.state).toBe('ready'));
    bed.say(['Back.']);
    expect(textOf(await ask(bed))).toBe('Back.');
  });
}
