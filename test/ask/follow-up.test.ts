import { describe, expect, test } from 'vitest';
import type { Chat, ChatMessage, ChatOptions, ChatPart } from '../../src/ask/ask.ts';
import { createStandAlone } from '../../src/ask/follow-up.ts';
import { LimnerError } from '../../src/errors.ts';
import { createLog } from '../../src/log.ts';

const HISTORY: ChatMessage[] = [
  { role: 'user', content: 'What are the opening hours of the glass museum?' },
  { role: 'assistant', content: 'From nine to five [1].' },
];
const USAGE = { promptTokens: 1, completionTokens: 1, finish: 'stop' as const };

/** A model that says this; `never` says nothing until it is stopped. */
function bed(said: string | Error | undefined, deadlineMs = 5000) {
  const asked: (readonly ChatMessage[])[] = [];
  const options: ChatOptions[] = [];
  const lines: string[] = [];
  const chat: Pick<Chat, 'ready' | 'complete'> = {
    ready: () => (said === undefined ? undefined : 'script:1'),
    async *complete(messages, wanted, signal): AsyncGenerator<ChatPart> {
      asked.push(messages);
      options.push(wanted);
      if (said === 'never') await ended(signal);
      if (said instanceof Error) throw said;
      yield { text: said ?? '' };
      yield { text: '', usage: USAGE };
    },
  };
  const log = createLog({ level: 'warn', secrets: [], write: (line) => void lines.push(line) });
  const standAlone = createStandAlone({ deadlineMs }, { chat, log });
  const ask = (question: string, history: readonly ChatMessage[] = HISTORY) =>
    standAlone({ question, history }, new AbortController().signal);
  return { ask, standAlone, asked, options, lines };
}

/** Waits for the end of the signal, and fails as the model server does. */
function ended(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new LimnerError('cancelled', 'Cancelled.')), {
      once: true,
    });
  });
}

describe('a follow-up question', () => {
  test('is rewritten by the model, which is shown what was said before', async () => {
    const { ask, asked } = bed('"What are the opening hours of the glass museum in winter?"\nBecause ...');
    expect(await ask('And in winter?')).toEqual({
      query: 'What are the opening hours of the glass museum in winter?',
      by: 'model',
    });
    const prompt = asked[0]?.at(-1)?.content;
    expect(prompt).toContain('User: What are the opening hours of the glass museum?');
    expect(prompt).toContain('Assistant: From nine to five [1].');
    expect(prompt).toContain('Last question: And in winter?');
  });

  test('is rewritten by the model that answers, whatever else is asked of the answer', async () => {
    const { standAlone, options } = bed('The opening hours of the glass museum in winter?');
    const wanted: ChatOptions = {
      model: 'other:1',
      maxTokens: 2,
      temperature: 2,
      format: { name: 'it', schema: { type: 'object' } },
      stop: ['in'],
      tools: [{ name: 'look', description: '', parameters: {} }],
    };
    const request = { question: 'And in winter?', history: HISTORY, options: wanted };
    await standAlone(request, new AbortController().signal);
    expect(options).toEqual([{ model: 'other:1', temperature: 0, maxTokens: 120, think: false }]);
  });

  test('gets the words of the last question without a model', async () => {
    const { ask } = bed(undefined);
    expect(await ask('And in winter?')).toEqual({
      query: 'And in winter? What are the opening hours of the glass museum?',
      by: 'terms',
    });
  });

  test('goes back until a question says what is talked of', async () => {
    const history: ChatMessage[] = [...HISTORY, { role: 'user', content: 'And in winter?' }];
    const { ask } = bed(undefined);
    expect((await ask('On Mondays?', history))?.query).toBe(
      'On Mondays? And in winter? What are the opening hours of the glass museum?',
    );
  });

  test('that says enough itself is left as it is without a model', async () => {
    const question = 'How many visitors came to the railway exhibition in Leipzig in 1952?';
    expect(await bed(undefined).ask(question)).toEqual({ query: question, by: 'terms' });
  });

  test.each([
    ['nothing', ''],
    ['something that has nothing to do with it', 'I am sorry, I cannot help.'],
    ['a story', `The museum ${'x'.repeat(700)}`],
  ])('for which the model writes %s gets the words instead', async (_, said) => {
    expect(await bed(said).ask('And in winter?')).toMatchObject({ by: 'terms' });
  });

  test('for which the model is late gets the words instead, and the log says so', async () => {
    const { ask, lines } = bed('never', 20);
    expect(await ask('And in winter?')).toMatchObject({ by: 'terms' });
    expect(lines.join()).toContain('question not rewritten by the model');
  });

  test('for which the model fails gets the words instead', async () => {
    const { ask } = bed(new LimnerError('model_unavailable', 'Gone.'));
    expect(await ask('And in winter?')).toMatchObject({ by: 'terms' });
  });

  test('is rewritten once, however often the conversation is asked again', async () => {
    const { ask, asked } = bed('When does the glass museum open in winter?');
    await ask('And in winter?');
    await ask('And in winter?');
    expect(asked).toHaveLength(1);
  });

  test('whose reader went away ends with that', async () => {
    const { standAlone } = bed('never');
    const gone = new AbortController();
    const asking = standAlone({ question: 'And in winter?', history: HISTORY }, gone.signal);
    gone.abort();
    await expect(asking).rejects.toMatchObject({ code: 'cancelled' });
  });

  test('hides no bug of ours', async () => {
    await expect(bed(new Error('a bug')).ask('And in winter?')).rejects.toThrow('a bug');
  });
});

describe('is left alone:', () => {
  test.each([
    ['the first question', 'And in winter?', []],
    [
      'the first question after wishes',
      'And in winter?',
      [{ role: 'system' as const, content: 'Be brief.' }],
    ],
    ['a long question', 'Long words. '.repeat(60), HISTORY],
  ])('%s', async (_, question, history) => {
    const { ask, asked } = bed('Something about winter');
    expect(await ask(question, history)).toBeUndefined();
    expect(asked).toEqual([]);
  });
});
