import { describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { embedModel, type Fault } from '../fakes/ollama.ts';
import { countTokens } from '../fakes/ollama-embedding.ts';
import { createReadyPair, dot, QUICK, type Pair } from './setup.ts';

const Request = z.object({
  model: z.string(),
  input: z.array(z.string()),
  truncate: z.boolean(),
  options: z.object({ num_ctx: z.number() }),
});
const embedRequests = ({ fake }: Pair) => fake.requests('embed').map((body) => Request.parse(body));
const inputs = (pair: Pair) => embedRequests(pair).map((request) => request.input);
const failure = (code: string) => expect.objectContaining({ name: 'LimnerError', code });
const words = (count: number): string => Array.from({ length: count }, (_, index) => `w${index}`).join(' ');
/** Everything is sent alone until the server's counts are learned. */
const ENGLISH = 'The quick brown fox jumps over the lazy dog while many others watch. '.repeat(10);

describe('vectors', () => {
  test('have length 1 and put what means the same near', async () => {
    const { server, signal } = await createReadyPair();
    const vectors = await server.embed.documents(['The car is broken.', 'Cats sleep.'], signal);
    const query = await server.embed.query('a broken automobile', signal);
    const [near = 0, far = 0] = vectors.map((vector) => dot(vector, query));
    for (const vector of [...vectors, query]) expect(dot(vector, vector)).toBeCloseTo(1, 5);
    expect(near).toBeGreaterThan(far + 0.5);
  });

  test('come in the order of the texts, also when some are sent alone', async () => {
    const pair = await createReadyPair({ installed: [embedModel({ contextTokens: 100 })] });
    const texts = ['apples', words(60), 'pears', words(80), 'plums'];
    const vectors = await pair.server.embed.documents(texts, pair.signal);
    expect(inputs(pair).map((input) => input.length)).toEqual([3, 1, 1]);
    for (const [index, text] of texts.entries()) {
      const [alone] = await pair.server.embed.documents([text], pair.signal);
      expect(dot(alone ?? Float32Array.of(), vectors[index] ?? Float32Array.of())).toBeCloseTo(1, 5);
    }
  });

  test('none for no texts, without a request', async () => {
    const { fake, server, signal } = await createReadyPair();
    expect(await server.embed.documents([], signal)).toEqual([]);
    expect(fake.counters.embedCalls).toBe(0);
  });

  test('many texts go in requests of at most 64', async () => {
    const pair = await createReadyPair();
    await pair.server.embed.documents(
      Array.from({ length: 130 }, (_, index) => `text ${index}`),
      pair.signal,
    );
    expect(inputs(pair).map((input) => input.length)).toEqual([64, 64, 2]);
    expect(pair.server.embed.stats()).toMatchObject({ calls: 3, texts: 130, splits: 0, bisections: 0 });
  });
});

describe('requests', () => {
  test('carry the prefixes of the model, its context, and never leave to cut', async () => {
    const pair = await createReadyPair();
    await pair.server.embed.documents(['one', 'two'], pair.signal);
    await pair.server.embed.query('three', pair.signal);
    const same = { model: 'nomic-embed-text:latest', truncate: false, options: { num_ctx: 2048 } };
    expect(embedRequests(pair)).toEqual([
      { ...same, input: ['search_document: one', 'search_document: two'] },
      { ...same, input: ['search_query: three'] },
    ]);
  });
});

describe('texts beyond the context', () => {
  const small = { installed: [embedModel({ contextTokens: 100 })] };

  test('one is embedded in parts, each within the limit and none lost', async () => {
    const pair = await createReadyPair(small);
    const text = words(300);
    const [vector] = await pair.server.embed.documents([text], pair.signal);
    expect(vector && dot(vector, vector)).toBeCloseTo(1, 5);
    const sent = inputs(pair).flat();
    const parts = sent.filter((input) => countTokens(input) <= 100);
    const joined = parts.map((part) => part.replace('search_document: ', '')).join(' ');
    expect(joined).toBe(text);
    expect(pair.server.embed.stats().splits).toBe(sent.length - parts.length);
    expect(pair.lines.filter((line) => line.msg.includes('embedded in parts')).length).toBe(
      pair.server.embed.stats().splits,
    );
  });

  test('the parts count by their length', async () => {
    const { server, signal } = await createReadyPair(small);
    const [vector] = await server.embed.documents([`${'apple '.repeat(120)}${'pear '.repeat(20)}`], signal);
    const near = await server.embed.documents(['apple', 'pear'], signal);
    const [apple = 0, pear = 0] = near.map((other) => dot(vector ?? Float32Array.of(), other));
    expect(apple).toBeGreaterThan(pear);
    expect(pear).toBeGreaterThan(0);
  });

  test('in a batch it is found by halving, and the others are embedded once', async () => {
    const pair = await createReadyPair(small);
    await pair.server.embed.documents([ENGLISH.slice(0, 250)], pair.signal);
    // Dense where the calibration expects English, so that it is not sent alone.
    const dense = '+'.repeat(100);
    const texts = ['one', 'two', dense, 'four'];
    const vectors = await pair.server.embed.documents(texts, pair.signal);
    expect(vectors.length).toBe(4);
    expect(pair.server.embed.stats()).toMatchObject({ splits: 1, bisections: 2 });
    expect(inputs(pair).filter((input) => input.length === 2 && input[0]?.endsWith('one')).length).toBe(1);
  });

  test('a server that cuts silently is found out by its count', async () => {
    const pair = await createReadyPair({ ...small, ignoreTruncate: true });
    const text = words(300);
    await pair.server.embed.documents(['short', text, 'short too'], pair.signal);
    expect(pair.server.embed.stats().splits).toBeGreaterThan(2);
    const whole = inputs(pair)
      .flat()
      .filter((input) => countTokens(input) < 98 && input.includes('w'));
    expect(whole.map((part) => part.replace('search_document: ', '')).join(' ')).toBe(text);
  });

  test('a silent cut within a batch is found out too', async () => {
    const pair = await createReadyPair({ ...small, ignoreTruncate: true });
    await pair.server.embed.documents([ENGLISH.slice(0, 250)], pair.signal);
    await pair.server.embed.documents(['one', 'two', '+'.repeat(100), 'four'], pair.signal);
    expect(pair.server.embed.stats()).toMatchObject({ splits: 1 });
  });

  test('short texts go together once the server has shown how it counts', async () => {
    const pair = await createReadyPair({ installed: [embedModel({ contextTokens: 300 })] });
    const texts = [ENGLISH.slice(0, 500), ENGLISH.slice(0, 480)];
    await pair.server.embed.documents(texts, pair.signal);
    await pair.server.embed.documents(texts, pair.signal);
    expect(inputs(pair).map((input) => input.length)).toEqual([1, 1, 2]);
  });

  test('without counts nothing is split that is not refused', async () => {
    const { server, signal } = await createReadyPair({ ...small, hideCounts: true });
    await server.embed.documents([words(45), 'b'], signal);
    expect(server.embed.stats()).toMatchObject({ splits: 0, tokens: 0 });
  });

  test('what cannot be cut any further is refused by name', async () => {
    const { fake, server, signal } = await createReadyPair();
    fake.plan({
      failAt: 'embed',
      kind: 'status',
      status: 400,
      message: 'input exceeds maximum context length',
    });
    await expect(server.embed.documents(['two words'], signal)).rejects.toEqual(failure('input_too_long'));
  });
});

describe('rubbish is refused', () => {
  test.each<Fault['kind']>([
    'html',
    'truncated json',
    'fewer vectors',
    'no vectors',
    'nan',
    'nulls',
    'infinity',
    'zeros',
    'strings',
    'other dimension',
  ])('%s', async (kind) => {
    const { fake, server, signal } = await createReadyPair();
    await server.embed.query('the dimension is known now', signal);
    fake.plan({ failAt: 'embed', kind, times: 1 });
    await expect(server.embed.documents(['one', 'two'], signal)).rejects.toEqual(failure('model_answer'));
    expect(server.embed.stats().texts).toBe(1);
    await server.embed.documents(['one', 'two'], signal);
  });
});

describe('failures have a code', () => {
  test.each([
    [503, 'server busy, please try again.  maximum pending requests exceeded', 'model_unavailable'],
    [429, 'too many requests', 'model_unavailable'],
    [502, 'bad gateway', 'model_unavailable'],
    [401, 'unauthorized', 'model_unavailable'],
    [500, 'llama runner process has unexpectedly stopped', 'model_unavailable'],
    [500, 'something else', 'model_answer'],
    [400, 'invalid input type', 'model_answer'],
  ])('%i %s', async (status, message, code) => {
    const { fake, server, signal } = await createReadyPair();
    fake.plan({ failAt: 'embed', kind: 'status', status, message });
    await expect(server.embed.query('one', signal)).rejects.toEqual(failure(code));
    expect(server.status().embed.state).toBe('ready');
  });

  test('a model that is gone is looked for and pulled again', async () => {
    const { fake, server, signal } = await createReadyPair();
    const [model = embedModel()] = fake.installed.splice(0, 1);
    fake.registry.push(model);
    await expect(server.embed.query('one', signal)).rejects.toEqual(failure('model_missing'));
    await vi.waitFor(() => expect(fake.requests('pull').length).toBe(1));
    await vi.waitFor(() => expect(server.status().embed.state).toBe('ready'));
  });

  test('a model that is not ready', async () => {
    const { fake, server, signal } = await createReadyPair({ installed: [] });
    await expect(server.embed.documents(['one'], signal)).rejects.toEqual(failure('model_missing'));
    expect(server.embed.ready()).toBeUndefined();
    expect(fake.counters.embedCalls).toBe(0);
  });

  test.each<Fault['kind']>(['hang', 'drip'])('%s ends at the deadline', async (kind) => {
    const { fake, server, signal } = await createReadyPair({ timeouts: { embed: 50 } });
    fake.plan({ failAt: 'embed', kind });
    await expect(server.embed.query('one', signal)).rejects.toEqual(failure('model_unavailable'));
    await vi.waitFor(() => expect(fake.exchanges.find((one) => one.route === 'embed')?.end).toBe('closed'));
  });

  test('a reset connection', async () => {
    const { fake, server, signal } = await createReadyPair();
    fake.plan({ failAt: 'embed', kind: 'reset' });
    await expect(server.embed.query('one', signal)).rejects.toEqual(failure('model_unavailable'));
  });
});

describe('the caller', () => {
  test('can cancel, which closes the request', async () => {
    const { fake, server } = await createReadyPair();
    fake.plan({ failAt: 'embed', kind: 'hang' });
    const caller = new AbortController();
    const vectors = server.embed.documents(['one'], caller.signal);
    await vi.waitFor(() => expect(fake.requests('embed').length).toBe(1));
    caller.abort();
    await expect(vectors).rejects.toEqual(failure('cancelled'));
    await vi.waitFor(() => expect(fake.exchanges.find((one) => one.route === 'embed')?.end).toBe('closed'));
  });

  test('who had cancelled before asks nothing', async () => {
    const { fake, server } = await createReadyPair();
    const result = server.embed.query('one', AbortSignal.abort());
    await expect(result).rejects.toEqual(failure('cancelled'));
    expect(fake.counters.embedCalls).toBe(0);
  });

  test('never gets vectors of two models under one identity', async () => {
    const { fake, server, signal } = await createReadyPair({ pollMs: { pull: QUICK.pull } });
    const before = server.embed.ready();
    fake.installed[0] = embedModel({ weights: 1 });
    await expect(server.embed.documents(['one'], signal)).rejects.toEqual(failure('model_answer'));
    await vi.waitFor(() => expect(server.embed.ready()?.identity).not.toBe(before?.identity));
    await server.embed.documents(['one'], signal);
  });
});
