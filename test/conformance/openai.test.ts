import OpenAI, { APIError, NotFoundError } from 'openai';
import { beforeEach, describe, expect, test } from 'vitest';
import { until } from '../until.ts';
import { ANSWER, apiKey, QUESTION, startBed, WEATHER } from './bed.ts';

const bed = await startBed();
const client = new OpenAI({ baseURL: bed.baseURL, apiKey, fetch: bed.fetch, maxRetries: 0 });
const messages = [{ role: 'user' as const, content: QUESTION }];
const tools = [{ type: 'function' as const, function: { ...WEATHER, strict: true } }];

/** The output as JSON, without what differs from one answer to the next and what the client adds. */
function withoutIds({ output }: { output: unknown[] }): unknown {
  return JSON.parse(JSON.stringify(output), (key, value: unknown) =>
    key === 'id' || key === 'parsed' ? undefined : value,
  );
}

beforeEach(() => {
  bed.ollama.settings.reply = () => ANSWER;
});

describe('chat completions', () => {
  test('whole', async () => {
    const { choices, usage } = await client.chat.completions.create({ model: 'limner', messages });
    expect(choices[0]?.message).toMatchObject({
      content: ANSWER,
      annotations: [{ type: 'url_citation', url_citation: { start_index: 22, end_index: 25 } }],
    });
    expect(usage?.total_tokens).toBeGreaterThan(0);
  });

  test('streamed, read piece by piece', async () => {
    const options = { include_usage: true };
    const stream = await client.chat.completions.create({
      model: 'limner/ice',
      messages,
      stream: true,
      stream_options: options,
    });
    let text = '';
    let total = 0;
    for await (const { choices, usage } of stream) {
      text += choices[0]?.delta.content ?? '';
      total += usage?.total_tokens ?? 0;
    }
    expect(text).toBe(ANSWER);
    expect(total).toBeGreaterThan(0);
  });

  test('streamed with events of Open WebUI, which this client passes over', async () => {
    const limner = { sources: 'events' };
    const stream = client.chat.completions.stream({ model: 'limner', messages, ...{ limner } });
    expect(await stream.finalContent()).toBe(ANSWER);
  });

  test('streamed, gathered by the client', async () => {
    const stream = client.chat.completions.stream({ model: 'limner', messages });
    expect(await stream.finalContent()).toBe(ANSWER);
  });

  test('in JSON by a schema without a name, as clients of Perplexity send it', async () => {
    const schema = { type: 'object', properties: { place: { type: 'string' } }, required: ['place'] };
    const { choices } = await client.chat.completions.create({
      model: 'limner',
      messages,
      // @ts-expect-error OpenAI's own has to have one
      response_format: { type: 'json_schema', json_schema: { schema } },
    });
    expect(JSON.parse(choices[0]?.message.content ?? '')).toEqual({ place: 'OK' });
  });

  test('what is refused is named as the client names it', async () => {
    const part = { type: 'input_file' as const, filename: 'a.txt', file_data: 'data:text/plain;base64,YQ==' };
    const paramOf = async (asked: Promise<unknown>) =>
      asked.then(
        () => 'nothing was refused',
        (error: unknown) => (error instanceof APIError ? error.param : error),
      );
    const withFile = client.responses.create({ model: 'limner', input: [{ role: 'user', content: [part] }] });
    expect(await paramOf(withFile)).toBe('input');
    expect(await paramOf(client.images.generate({ model: 'dall-e-3', prompt: 'a squid' }))).toBe('model');
    const { id } = await client.responses.create({ model: 'limner', input: QUESTION });
    expect(await paramOf(client.responses.retrieve(id, { stream: true }))).toBe('stream');
    const [store] = (await client.vectorStores.list()).data;
    const filters = { type: 'eq' as const, key: 'nobody-has-this', value: 'x' };
    expect(await paramOf(client.vectorStores.search(store?.id ?? '', { query: 'fuse', filters }))).toBe(
      'filters',
    );
  });

  test('with tools, whole and streamed', async () => {
    const { choices } = await client.chat.completions.create({ model: 'limner', messages, tools });
    expect(choices[0]).toMatchObject({
      finish_reason: 'tool_calls',
      message: { tool_calls: [{ function: { name: 'weather', arguments: '{"city":"OK"}' } }] },
    });
    const stream = client.chat.completions.stream({ model: 'qwen3:4b', messages, tools });
    const calls = (await stream.finalMessage()).tool_calls ?? [];
    expect(calls).toMatchObject([{ function: { name: 'weather', arguments: '{"city":"OK"}' } }]);
    const [call] = calls;
    const { choices: after } = await client.chat.completions.create({
      model: 'qwen3:4b',
      tools,
      messages: [
        ...messages,
        { role: 'assistant', content: null, tool_calls: calls },
        { role: 'tool', tool_call_id: call?.id ?? '', content: 'sunny' },
      ],
    });
    expect(after[0]?.message.content).toBe(ANSWER);
  });

  test('in JSON of a schema', async () => {
    const schema = { type: 'object', properties: { status: { type: 'string', enum: ['ok'] } } };
    const { choices } = await client.chat.completions.create({
      model: 'limner',
      messages,
      response_format: { type: 'json_schema', json_schema: { name: 'status', strict: true, schema } },
    });
    expect(JSON.parse(choices[0]?.message.content ?? '')).toEqual({ status: 'ok' });
  });

  test('fail with what the client knows', async () => {
    const unknown = client.chat.completions.create({ model: 'gpt-9', messages });
    await expect(unknown).rejects.toThrow(NotFoundError);
    await expect(unknown).rejects.toMatchObject({ code: 'model_not_found', param: 'model' });
    bed.ollama.plan({ failAt: 'chat', kind: 'reset stream', afterLines: 2, times: 1 });
    const cut = client.chat.completions.stream({ model: 'limner', messages });
    await expect(cut.finalContent()).rejects.toThrow(/cannot be reached|stopped in the middle/);
    await expect.poll(async () => (await client.models.list()).data.length).toBeGreaterThan(2);
  });
});

describe('responses', () => {
  const search = { type: 'file_search' as const, vector_store_ids: [] as string[] };

  test('whole, with links to the passages', async () => {
    const response = await client.responses.create({ model: 'limner', input: QUESTION });
    expect(response.output_text).toBe(ANSWER);
    expect(response.status).toBe('completed');
    expect(response.output).toMatchObject([
      {
        type: 'message',
        content: [{ annotations: [{ type: 'url_citation', start_index: 22, end_index: 25 }] }],
      },
    ]);
  });

  test('by file_search, with citations of files and the results', async () => {
    const response = await client.responses.create({
      model: 'qwen3:4b',
      input: QUESTION,
      tools: [search],
      include: ['file_search_call.results'],
    });
    expect(response.output).toMatchObject([
      {
        type: 'file_search_call',
        status: 'completed',
        queries: [QUESTION],
        results: [{ filename: 'ice.txt', text: 'The spare fuse lies in the biscuit tin.' }],
      },
      {
        type: 'message',
        content: [{ annotations: [{ type: 'file_citation', filename: 'ice.txt', index: 22 }] }],
      },
    ]);
  });

  test('streamed, in OpenAI’s order, ending in what a whole answer is', async () => {
    const request = { model: 'limner', input: QUESTION, tools: [search] };
    const types: string[] = [];
    const numbers: number[] = [];
    let text = '';
    const stream = client.responses.stream(request);
    for await (const event of stream) {
      if (types.at(-1) !== event.type) types.push(event.type);
      numbers.push(event.sequence_number);
      if (event.type === 'response.output_text.delta') text += event.delta;
    }
    expect(types).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.file_search_call.in_progress',
      'response.file_search_call.searching',
      'response.file_search_call.completed',
      'response.output_item.done',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.annotation.added',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.completed',
    ]);
    expect(numbers).toEqual(numbers.map((_, at) => at));
    expect(text).toBe(ANSWER);
    const whole = await client.responses.create(request);
    expect(withoutIds(await stream.finalResponse())).toEqual(withoutIds(whole));
  });

  test('go on from an earlier one, and can be read and forgotten', async () => {
    const first = await client.responses.create({ model: 'qwen3:4b', input: 'My name is Ada.' });
    const second = await client.responses.create({
      model: 'qwen3:4b',
      input: 'What is my name?',
      previous_response_id: first.id,
      instructions: 'Be brief.',
    });
    expect(bed.ollama.requests('chat').at(-1)).toMatchObject({
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'My name is Ada.' },
        { role: 'assistant', content: ANSWER },
        { role: 'user', content: 'What is my name?' },
      ],
    });
    const kept = await client.responses.retrieve(second.id);
    expect(kept.output_text).toBe(ANSWER);
    expect(kept).not.toHaveProperty('sources');
    const items = await client.responses.inputItems.list(second.id);
    expect(items.data).toMatchObject([{ role: 'user', content: [{ text: 'What is my name?' }] }]);
    await client.responses.delete(second.id);
    await expect(client.responses.retrieve(second.id)).rejects.toThrow(NotFoundError);
    await expect(
      client.responses.create({ model: 'limner', input: QUESTION, previous_response_id: second.id }),
    ).rejects.toThrow(NotFoundError);
    const unkept = await client.responses.create({ model: 'limner', input: QUESTION, store: false });
    await expect(client.responses.retrieve(unkept.id)).rejects.toThrow(NotFoundError);
  });

  test('call functions, whole and streamed, and go on with what they gave', async () => {
    const tool = { type: 'function' as const, ...WEATHER, strict: true };
    const first = await client.responses.create({ model: 'limner', input: QUESTION, tools: [tool] });
    expect(first.output).toMatchObject([
      { type: 'function_call', name: 'weather', arguments: '{"city":"OK"}', status: 'completed' },
    ]);
    const streamed = await client.responses
      .stream({ model: 'limner', input: QUESTION, tools: [tool] })
      .finalResponse();
    expect(streamed.output).toMatchObject([
      { type: 'function_call', name: 'weather', arguments: '{"city":"OK"}' },
    ]);
    const [call] = first.output;
    const after = await client.responses.create({
      model: 'limner',
      tools: [tool],
      previous_response_id: first.id,
      input: [
        {
          type: 'function_call_output',
          call_id: call?.type === 'function_call' ? call.call_id : '',
          output: 'sunny',
        },
      ],
    });
    expect(after.output_text).toBe(ANSWER);
  });

  test('with the thoughts of a model that is asked to think', async () => {
    bed.ollama.settings.thinking = 'Let me see.';
    const request = { model: 'limner', input: QUESTION, reasoning: { effort: 'low' as const } };
    const types: string[] = [];
    const stream = client.responses.stream(request);
    for await (const { type } of stream) if (types.at(-1) !== type) types.push(type);
    expect(types.slice(2, 9)).toEqual([
      'response.output_item.added',
      'response.reasoning_summary_part.added',
      'response.reasoning_summary_text.delta',
      'response.reasoning_summary_text.done',
      'response.reasoning_summary_part.done',
      'response.output_item.done',
      'response.output_item.added',
    ]);
    const whole = await client.responses.create(request);
    expect(whole.output).toMatchObject([
      { type: 'reasoning', summary: [{ type: 'summary_text', text: 'Let me see.' }] },
      { type: 'message', content: [{ text: ANSWER }] },
    ]);
    expect(withoutIds(await stream.finalResponse())).toEqual(withoutIds(whole));
    const after = await client.responses.create({ ...request, previous_response_id: whole.id });
    expect(after.output_text).toBe(ANSWER);
    bed.ollama.settings.thinking = '';
  });

  test('in JSON of a schema, and cut short', async () => {
    const schema = { type: 'object', properties: { status: { type: 'string', enum: ['ok'] } } };
    const format = { type: 'json_schema' as const, name: 'status', schema };
    const response = await client.responses.create({ model: 'limner', input: QUESTION, text: { format } });
    expect(JSON.parse(response.output_text)).toEqual({ status: 'ok' });
    const cut = await client.responses.create({ model: 'limner', input: QUESTION, max_output_tokens: 2 });
    expect(cut).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } });
  });

  test('of a client that leaves stop the model, and are not kept', async () => {
    bed.ollama.settings.reply = () => Array<string>(5000).fill('and ');
    bed.ollama.settings.costMs.chatPart = 2;
    const stream = await client.responses.create({ model: 'limner', input: QUESTION, stream: true });
    let id = '';
    for await (const event of stream) {
      if (event.type === 'response.created') id = event.response.id;
      if (event.type === 'response.output_text.delta') break;
    }
    const asked = bed.ollama.exchanges.findLast(({ route }) => route === 'chat');
    await expect.poll(() => asked?.end).toBe('closed');
    await expect(client.responses.retrieve(id)).rejects.toThrow(NotFoundError);
    bed.ollama.settings.costMs.chatPart = 0;
  });

  /** Words that come in one packet with the failure are not told: then the whole request fails, and is asked again. */
  async function begunToFail() {
    bed.ollama.plan({ failAt: 'chat', kind: 'error line', afterLines: 2, times: 1 });
    try {
      return await client.responses.create({ model: 'limner', input: QUESTION, stream: true });
    } catch (error) {
      if (!(error instanceof APIError) || error.status !== 502) throw error;
      return undefined;
    }
  }

  test('that fail under way are told', async () => {
    const stream = await until(begunToFail, 'an answer that begins');
    const types: string[] = [];
    const read = async (): Promise<void> => {
      for await (const { type } of stream) types.push(type);
    };
    await expect(read()).rejects.toThrow('planned failure');
    expect(types.at(-1)).toBe('response.failed');
  });
});

describe('embeddings', () => {
  test('as the client asks by itself, as numbers, and shortened, are the same', async () => {
    const input = ['The car is broken.', 'Cats sleep.'];
    const model = 'nomic-embed-text';
    const { data, usage } = await client.embeddings.create({ model, input });
    const numbers = await client.embeddings.create({ model, input, encoding_format: 'float' });
    expect(data.map(({ index }) => index)).toEqual([0, 1]);
    expect(data[0]?.embedding).toHaveLength(256);
    expect(Float32Array.from(data[1]?.embedding ?? [])).toEqual(
      Float32Array.from(numbers.data[1]?.embedding ?? []),
    );
    expect(usage.prompt_tokens).toBeGreaterThan(5);
    // Some versions of the client return empty vectors for numbers although they asked for base64.
    const raw = await bed.service.post('/v1/embeddings', { model, input: 'one', encoding_format: 'base64' });
    expect(await raw.json()).toMatchObject({ data: [{ embedding: expect.stringMatching(/^[\w+/]+=*$/) }] });
    const short = await client.embeddings.create({ model, input, dimensions: 128, encoding_format: 'float' });
    expect(Math.hypot(...(short.data[0]?.embedding ?? []))).toBeCloseTo(1, 5);
    expect(short.data[0]?.embedding).toHaveLength(128);
  });

  test('of tokens, of another model and of too many dimensions are refused', async () => {
    const create = (more: object) =>
      client.embeddings.create({ model: 'nomic-embed-text', input: 'text', ...more });
    await expect(create({ input: [1, 2, 3] })).rejects.toThrow(/lists of tokens are not read/);
    await expect(create({ model: 'text-embedding-3-small' })).rejects.toThrow(NotFoundError);
    await expect(create({ dimensions: 257 })).rejects.toThrow(/the model has 256/);
  });
});
