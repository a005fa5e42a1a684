import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { removeFolder, startService, temporaryFolder, type Service } from './service.ts';

const SAMPLES = ['txt', 'md', 'html', 'pdf', 'docx', 'xlsx'].map((extension) => `sample.${extension}`);

const Sources = z.object({
  sources: z.array(z.object({ marker: z.number(), uri: z.string(), page: z.number().nullable() })),
});
const Annotations = z.array(
  z.object({
    type: z.literal('url_citation'),
    url_citation: z.object({
      start_index: z.number(),
      end_index: z.number(),
      url: z.string(),
      title: z.string(),
    }),
  }),
);

/** What each sample is asked, and where the answer stands. */
const QUESTIONS = [
  {
    uri: 'sample.txt',
    page: null,
    question: 'Where is the spare fuse at the ice station?',
    words: 'biscuit',
  },
  { uri: 'sample.md', page: null, question: 'Are cockerels allowed on the allotment?', words: 'cockerel' },
  { uri: 'sample.html', page: null, question: 'How much rye flour and water in the evening?', words: '80 g' },
  { uri: 'sample.pdf', page: 3, question: 'Where does the bell of the Ondine hang?', words: 'boathouse' },
  {
    uri: 'sample.docx',
    page: null,
    question: 'On which evening is practice in the tower?',
    words: 'Thursday',
  },
];

describe('the whole service with nothing else running', () => {
  let folder: string;
  let service: Service;
  let client: OpenAI;

  beforeAll(async () => {
    folder = await temporaryFolder();
    service = await startService(folder);
    client = new OpenAI({ baseURL: `${service.url}/v1`, apiKey: 'none' });
    for (const name of SAMPLES)
      await cp(fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url)), join(service.inbox, name));
    await service.quiet(SAMPLES.length);
  });

  afterAll(async () => {
    await service.stop();
    await removeFolder(folder);
  });

  it('makes every dropped file searchable', async () => {
    const documents = await service.documents();
    expect(documents.map(({ uri, state }) => `${uri} ${state}`).toSorted()).toEqual(
      SAMPLES.map((name) => `${name} searchable`).toSorted(),
    );
    expect(documents.find(({ uri }) => uri === 'sample.pdf')?.pages).toBe(3);
  });

  it.each(QUESTIONS)('cites $uri for "$question"', async ({ uri, page, question, words }) => {
    const answer = await client.chat.completions.create({
      model: 'limner',
      messages: [{ role: 'user', content: question }],
    });
    const message = answer.choices[0]?.message;
    expect(message?.content).toContain('No language model is connected');
    expect(message?.content).toContain(words);
    const first = Annotations.parse(message?.annotations)[0]?.url_citation;
    expect(message?.content?.slice(first?.start_index, first?.end_index)).toBe('[1]');
    expect(Sources.parse(answer).sources[0]).toMatchObject({ marker: 1, uri, page });
    if (page !== null) expect(first?.url).toMatch(new RegExp(`#page=${page}$`));
    await expectMarked(first?.url ?? '', words, page);
  });

  it.each(QUESTIONS)('says the same in a stream for $uri', async ({ question }) => {
    const messages = [{ role: 'user' as const, content: question }];
    const whole = await client.chat.completions.create({ model: 'limner', messages });
    const streamed = await collect(
      await client.chat.completions.create({ model: 'limner', messages, stream: true }),
    );
    expect(streamed.text).toBe(whole.choices[0]?.message.content);
    expect(streamed.annotations).toEqual(whole.choices[0]?.message.annotations);
    expect(streamed.sources).toEqual(Sources.parse(whole).sources);
    expect(streamed.finish).toBe('stop');
  });

  it('streams through the helper of the client too', async () => {
    const stream = client.chat.completions.stream({
      model: 'limner/default',
      messages: [{ role: 'user', content: 'How heavy is the tenor bell?' }],
      stream_options: { include_usage: true },
    });
    const final = await stream.finalChatCompletion();
    expect(final.choices[0]?.message.content).toContain('hundredweight');
    expect(final.usage?.total_tokens).toBeTypeOf('number');
  });

  it('lists itself and its collections as models', async () => {
    const models = await client.models.list();
    expect(models.data.map(({ id }) => id)).toEqual(['limner', 'limner/default']);
  });

  it('refuses an unknown model as OpenAI does', async () => {
    const asked = client.chat.completions.create({
      model: 'limner/nowhere',
      messages: [{ role: 'user', content: 'anything' }],
    });
    await expect(asked).rejects.toMatchObject({ status: 404, code: 'model_not_found' });
  });

  it('tells the sheet and the cells of a passage in a workbook', async () => {
    const response = await service.post('/api/search', { query: 'sample.xlsx', limit: 1 });
    const Place = z.object({ sheet: z.string(), range: z.string() });
    const { hits } = z
      .object({ hits: z.array(z.looseObject({ place: Place })) })
      .parse(await response.json());
    expect(hits[0]?.place.range).toMatch(/^[A-Z]+\d+:[A-Z]+\d+$/);
  });

  it('tells the truthful numbers', async () => {
    const status = z
      .object({ documents: z.record(z.string(), z.number()), chunks: z.number(), vectors: z.number() })
      .parse(await (await service.get('/api/status')).json());
    const documents = await service.documents();
    expect(status.documents).toEqual({ searchable: SAMPLES.length });
    expect(status.chunks).toBe(documents.reduce((sum, { chunks }) => sum + chunks, 0));
    expect(status.vectors).toBe(0);
  });

  /** The citation opens the page, and what is marked in its text holds the words. */
  async function expectMarked(url: string, words: string, page: number | null): Promise<void> {
    const html = await (await fetch(url.replace('?', '?view=text&'))).text();
    const marked = /<mark>([\s\S]*?)<\/mark>/.exec(html)?.[1];
    expect(marked?.replaceAll(/\s+/g, ' ')).toContain(words);
    if (page !== null) expect(html.indexOf(`id="page=${page}"`)).toBeLessThan(html.indexOf('<mark>'));
  }
});

/** Reads a stream as a client would that knows our fields. */
async function collect(stream: AsyncIterable<OpenAI.ChatCompletionChunk>) {
  const found = { text: '', annotations: new Array<unknown>(), sources: new Array<unknown>(), finish: '' };
  for await (const chunk of stream) {
    const delta = z.looseObject({ annotations: Annotations.optional() }).parse(chunk.choices[0]?.delta);
    found.text += chunk.choices[0]?.delta.content ?? '';
    found.annotations.push(...(delta.annotations ?? []));
    const sources = Sources.safeParse(chunk);
    if (sources.success) found.sources = sources.data.sources;
    found.finish = chunk.choices[0]?.finish_reason ?? found.finish;
  }
  return found;
}
