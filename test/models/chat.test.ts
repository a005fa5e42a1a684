import { describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import type { ChatMessage, ChatOptions, ChatPart } from '../../src/models/model-server.ts';
import { chatModel, embedModel, type Fault } from '../fakes/ollama.ts';
import { createReadyPair, type Pair } from './setup.ts';

const Request = z.object({
  truncate: z.boolean(),
  think: z.boolean().optional(),
  options: z.looseObject({ num_ctx: z.number(), num_predict: z.number() }),
});
const failure = (code: string) => expect.objectContaining({ name: 'LimnerError', code });
const user = (content: string): ChatMessage[] => [{ role: 'user', content }];
const requests = ({ fake }: Pair) => fake.requests('chat').map((body) => Request.parse(body));
const contexts = (pair: Pair) => requests(pair).map((request) => request.options.num_ctx);
const chatEnd = ({ fake }: Pair) => fake.exchanges.find((one) => one.route === 'chat')?.end;
const withChat = (contextTokens: number, numCtx?: number) => ({
  installed: [embedModel(), chatModel({ contextTokens, ...(numCtx === undefined ? {} : { numCtx }) })],
});

function ask(pair: Pair, messages = user('Hello?'), options: ChatOptions = {}): Promise<ChatPart[]> {
  return Array.fromAsync(pair.server.chat(messages, options, pair.signal));
}

const textOf = (parts: readonly ChatPart[]): string => parts.map((part) => part.text).join('');

describe('an answer', () => {
  test('comes in pieces and ends with what it took', async () => {
    const pair = await createReadyPair({ reply: () => ['Limners ', 'paint [', '1', '].'] });
    const parts = await ask(pair);
    expect(parts.map((part) => part.text)).toEqual(['Limners ', 'paint [', '1', '].', '']);
    expect(parts.map((part) => part.usage)).toEqual([
      ...Array.from({ length: 4 }, () => undefined),
      { promptTokens: 5, completionTokens: 4, finish: 'stop' },
    ]);
  });

  test('quotes the passage that holds it, when the fake answers', async () => {
    const pair = await createReadyPair();
    const prompt =
      '[1] Cats sleep all day.\n\n[2] The warranty of the boiler ends in May.\n\nQuestion: When does the warranty end?';
    expect(textOf(await ask(pair, user(prompt)))).toBe('The warranty of the boiler ends in May [2].');
  });

  test('leaves out what the model thinks', async () => {
    const pair = await createReadyPair({ thinking: 'Let me see.', reply: () => 'Yes.' });
    expect(textOf(await ask(pair))).toBe('Yes.');
  });

  test('says when it was cut', async () => {
    const pair = await createReadyPair({ reply: () => ['one', ' two', ' three'] });
    const parts = await ask(pair, user('Count.'), { maxTokens: 2 });
    expect(textOf(parts)).toBe('one two');
    expect(parts.at(-1)?.usage?.finish).toBe('length');
  });

  test('is asked for with the options of the caller, and never with a prompt cut', async () => {
    const pair = await createReadyPair();
    await ask(pair, user('Hi'), { temperature: 0, maxTokens: 7, stop: ['END'], think: false });
    expect(requests(pair)).toEqual([
      {
        truncate: false,
        think: false,
        options: { num_ctx: 4096, num_predict: 7, temperature: 0, stop: ['END'] },
      },
    ]);
  });

  test('a model that cannot think is not told not to', async () => {
    const pair = await createReadyPair({ installed: [chatModel({ capabilities: ['completion'] })] });
    await ask(pair, user('Hi'), { think: false });
    expect(requests(pair)[0]?.think).toBeUndefined();
  });
});

describe('the context', () => {
  test('is as large as the prompt and the answer need, and does not shrink again', async () => {
    const pair = await createReadyPair();
    await ask(pair, user('short'));
    await ask(pair, user('word '.repeat(3000)));
    await ask(pair, user('short'));
    expect(contexts(pair)).toEqual([4096, 8192, 8192]);
  });

  test('is at most what the model has', async () => {
    const pair = await createReadyPair(withChat(6000));
    await ask(pair, user('word '.repeat(3000)));
    expect(contexts(pair)).toEqual([6000]);
  });

  test('is at least what the owner wrote into the model', async () => {
    const pair = await createReadyPair(withChat(40_960, 16_384));
    await ask(pair);
    expect(contexts(pair)).toEqual([16_384]);
  });

  test('is what the caller says, when it does', async () => {
    const pair = await createReadyPair();
    await ask(pair, user('short'), { contextTokens: 5000 });
    expect(contexts(pair)).toEqual([5000]);
  });

  test('grows when the prompt was denser than it seemed', async () => {
    const pair = await createReadyPair();
    await ask(pair, user('+ '.repeat(4500)));
    expect(contexts(pair)).toEqual([4096, 8192]);
  });

  test('that cannot grow is a prompt too long', async () => {
    const pair = await createReadyPair(withChat(4096));
    await expect(ask(pair, user('+ '.repeat(5000)))).rejects.toEqual(failure('input_too_long'));
  });

  test('that a server filled by cutting is warned of', async () => {
    const pair = await createReadyPair({ ...withChat(4096), ignoreTruncate: true });
    await ask(pair, user('+ '.repeat(5000)));
    expect(pair.lines.some((line) => line.msg.includes('prompt filled the context'))).toBe(true);
  });
});

describe('an answer that does not come to its end throws', () => {
  test.each<[Fault['kind'], string]>([
    ['cut', 'model_answer'],
    ['no done', 'model_answer'],
    ['bad line', 'model_answer'],
    ['error line', 'model_answer'],
    ['reset stream', 'model_unavailable'],
    ['hang stream', 'model_unavailable'],
  ])('%s', async (kind, code) => {
    const pair = await createReadyPair({ timeouts: { chatNext: 100 } });
    pair.fake.plan({ failAt: 'chat', kind, afterLines: 2 });
    await expect(ask(pair)).rejects.toEqual(failure(code));
  });

  test('an error line of a server that is busy', async () => {
    const pair = await createReadyPair();
    pair.fake.plan({ failAt: 'chat', kind: 'error line', message: 'model runner has unexpectedly stopped' });
    await expect(ask(pair)).rejects.toEqual(failure('model_unavailable'));
  });

  test('an error line about the context, in the middle, is no reason to begin again', async () => {
    const pair = await createReadyPair();
    pair.fake.plan({ failAt: 'chat', kind: 'error line', message: 'context length exceeded' });
    await expect(ask(pair)).rejects.toEqual(failure('model_answer'));
    expect(pair.fake.counters.chatCalls).toBe(1);
  });

  test.each<Fault['kind']>(['html', 'truncated json'])('%s', async (kind) => {
    const pair = await createReadyPair();
    pair.fake.plan({ failAt: 'chat', kind });
    await expect(ask(pair)).rejects.toEqual(failure('model_answer'));
  });

  test('no first piece in time', async () => {
    const pair = await createReadyPair({ timeouts: { chatFirst: 50 } });
    pair.fake.plan({ failAt: 'chat', kind: 'hang' });
    await expect(ask(pair)).rejects.toEqual(failure('model_unavailable'));
  });

  test('pieces that come in time, but for too long', async () => {
    const pair = await createReadyPair({
      timeouts: { chatTotal: 100 },
      costMs: { chatPart: 20 },
      reply: () => Array.from({ length: 1000 }, () => 'and '),
    });
    await expect(ask(pair)).rejects.toEqual(failure('model_unavailable'));
  });

  test('a model that is not there', async () => {
    const pair = await createReadyPair();
    pair.fake.installed.splice(0);
    await expect(ask(pair)).rejects.toEqual(failure('model_missing'));
  });
});

describe('the caller', () => {
  const endless = { costMs: { chatPart: 5 }, reply: () => Array.from({ length: 10_000 }, () => 'and ') };

  test('who leaves the loop stops the model', async () => {
    const pair = await createReadyPair(endless);
    for await (const part of pair.server.chat(user('Go on.'), {}, pair.signal)) {
      expect(part.text).toBe('and ');
      break;
    }
    await vi.waitFor(() => expect(chatEnd(pair)).toBe('closed'));
  });

  test('who cancels stops the model', async () => {
    const pair = await createReadyPair(endless);
    const caller = new AbortController();
    const read = async (): Promise<void> => {
      for await (const part of pair.server.chat(user('Go on.'), {}, caller.signal))
        if (part.text) caller.abort();
    };
    await expect(read()).rejects.toEqual(failure('cancelled'));
    await vi.waitFor(() => expect(chatEnd(pair)).toBe('closed'));
  });

  test('who is slow does not make the server look slow', async () => {
    const pair = await createReadyPair({
      timeouts: { chatNext: 250 },
      costMs: { chatPart: 60 },
      reply: () => Array.from({ length: 10 }, () => 'and '),
    });
    const parts: ChatPart[] = [];
    const stream = pair.server.chat(user('Count.'), {}, pair.signal);
    const first = await stream.next();
    await vi.waitFor(() => expect(chatEnd(pair)).toBe('complete'));
    if (!first.done) parts.push(first.value);
    for await (const part of stream) parts.push(part);
    expect(textOf(parts)).toBe('and '.repeat(10));
  });
});
