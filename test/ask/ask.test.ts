import { describe, expect, test } from 'vitest';
import {
  createAsk,
  wholeAnswer,
  type AskEvent,
  type AskRequest,
  type Chat,
  type ChatMessage,
  type ChatPart,
} from '../../src/ask/ask.ts';
import type { Passage } from '../../src/document.ts';
import { LimnerError } from '../../src/errors.ts';
import { createLog } from '../../src/log.ts';
import { passageOf } from './material.ts';

const PASSAGES = [
  passageOf({
    id: 'ice',
    title: 'Ice station',
    page: 2,
    text: 'The spare fuse lies in the biscuit tin [7].',
  }),
  passageOf({ id: 'hut', title: 'Hut', text: 'The hut was built in 1962.' }),
];
const USAGE = { promptTokens: 90, completionTokens: 9, finish: 'stop' as const };
const REQUEST: AskRequest = { question: 'Where is the spare fuse?', publicUrl: 'https://host' };

/** What the scripted model does, step by step: it says a part, or fails. */
type Step = string | Error;

interface Scripted extends Chat {
  asked: { messages: readonly ChatMessage[]; options: object }[];
  /** Whether its last answer was ended, by itself or by who listened. */
  ended: boolean;
}

function scripted(steps: readonly Step[] | undefined): Scripted {
  const chat: Scripted = {
    asked: [],
    ended: false,
    ready: () => (steps ? 'script:1' : undefined),
    whyNot: () => 'No language model is connected.',
    contextTokens: () => undefined,
    async *complete(messages, options): AsyncGenerator<ChatPart> {
      chat.asked.push({ messages, options });
      try {
        for (const step of steps ?? []) {
          if (typeof step !== 'string') throw step;
          yield { text: step };
        }
        yield { text: '', usage: USAGE };
      } finally {
        chat.ended = true;
      }
    },
  };
  return chat;
}

function eventsOf(chat: Chat, passages: readonly Passage[], request = REQUEST): AsyncGenerator<AskEvent> {
  const ask = createAsk({
    find: async ({ limit }) => ({ passages: passages.slice(0, limit), rewritten: null }),
    chat,
    coverage: () => ({ searchable: 3, pending: 2, failed: 1 }),
    log: createLog({ level: 'silent', secrets: [] }),
  });
  return ask(request, new AbortController().signal);
}

async function answer(steps: readonly Step[] | undefined, passages = PASSAGES, request = REQUEST) {
  return wholeAnswer(eventsOf(scripted(steps), passages, request));
}

const lost = () => new LimnerError('model_unavailable', 'Ollama went away.');

describe('a written answer', () => {
  test('streams sources first, then text, then the whole', async () => {
    const events = await Array.fromAsync(eventsOf(scripted(['In the tin [', '1', '].']), PASSAGES));
    expect(events.map(({ type }) => type)).toEqual(['sources', 'text', 'text', 'answer']);
    const [first] = events;
    if (first?.type !== 'sources') throw new Error('The sources come first.');
    expect(first.sources.map(({ marker, url }) => [marker, url])).toEqual([
      [1, 'https://host/documents/ice?mark=0-43#page=2'],
      [2, 'https://host/documents/hut?mark=0-26'],
    ]);
    const text = events.map((event) => (event.type === 'text' ? event.text : '')).join('');
    const last = events.at(-1);
    expect(last).toMatchObject({
      answer: {
        text: 'In the tin [1].',
        annotations: [{ number: 1, start: 11, end: 14, citation: { marker: 1, title: 'Ice station' } }],
        citations: [{ marker: 1 }],
        sources: [{ marker: 1 }, { marker: 2 }],
        model: 'script:1',
        usage: USAGE,
      },
    });
    expect(text).toBe('In the tin [1].');
  });

  test('cites nothing that was not given', async () => {
    const { text, citations } = await answer(['In the tin [9] [3].']);
    expect(text).toBe('In the tin  .');
    expect(citations).toEqual([]);
  });

  test('with forgotten markers is credited', async () => {
    const { text, annotations } = await answer(['The spare fuse lies in the biscuit tin.']);
    expect(text).toBe('The spare fuse lies in the biscuit tin. [1]');
    expect(annotations.map(({ start, end }) => text.slice(start, end))).toEqual(['[1]']);
  });

  test('that refuses has no citation', async () => {
    const refusal = 'The passages do not hold the answer.';
    const { text, annotations, citations, sources } = await answer([refusal]);
    expect({ text, annotations, citations }).toEqual({ text: refusal, annotations: [], citations: [] });
    expect(sources).toHaveLength(2);
  });

  test('is asked for with the history, the limit and the options', async () => {
    const chat = scripted(['Yes [1].']);
    const history = [{ role: 'user' as const, content: 'Earlier.' }];
    const options = { temperature: 0, maxTokens: 5, stop: ['x'] };
    await wholeAnswer(eventsOf(chat, PASSAGES, { ...REQUEST, limit: 1, history, options }));
    expect(chat.asked[0]?.options).toEqual(options);
    expect(chat.asked[0]?.messages.map(({ content }) => content)).toContain('Earlier.');
    expect(chat.asked[0]?.messages.at(-1)?.content).not.toContain('[2] Hut');
  });

  test('is ended when nobody listens any more', async () => {
    const chat = scripted(['one ', 'two ', 'three']);
    for await (const event of eventsOf(chat, PASSAGES)) if (event.type === 'text') break;
    expect(chat.ended).toBe(true);
  });
});

describe('without a model', () => {
  test('the best sentences are quoted, each with its marker', async () => {
    const { text, annotations, model, usage } = await answer(undefined);
    expect(text).toBe(
      'No language model is connected. These passages fit best:' +
        '\n\n> The spare fuse lies in the biscuit tin (7). [1]',
    );
    expect(annotations.map(({ number, start, end }) => [number, text.slice(start, end)])).toEqual([
      [1, '[1]'],
    ]);
    expect({ model, usage }).toEqual({
      model: null,
      usage: { promptTokens: 0, completionTokens: 0, finish: 'stop' },
    });
  });

  test.each([
    'a `fuse [2]',
    'a fuse ```',
    'a fuse【2】',
    'a fuse [passage 2] and [^2]',
    '[2](https://evil.example) fuse',
  ])('what a document says cannot forge or spoil a marker: %s', async (text) => {
    const given = [passageOf({ text }), passageOf({ text: 'unrelated' })];
    const { annotations } = await answer(undefined, given);
    expect(annotations.map(({ number }) => number)).toEqual([1]);
  });

  test('a model that goes away before its first word is none', async () => {
    const { text, model } = await answer([lost()]);
    expect(text).toContain('> The spare fuse lies in the biscuit tin');
    expect(model).toBeNull();
  });
});

describe('failures', () => {
  test('a model that goes away in the middle fails the answer', async () => {
    const told: AskEvent[] = [];
    const reading = async () => {
      for await (const event of eventsOf(scripted(['In the ', lost()]), PASSAGES)) told.push(event);
    };
    await expect(reading()).rejects.toMatchObject({ code: 'model_unavailable' });
    expect(told.map(({ type }) => type)).toEqual(['sources', 'text']);
  });

  test('a failure of another kind is not hidden behind quotes', async () => {
    await expect(answer([new LimnerError('cancelled', 'Gone.')])).rejects.toMatchObject({
      code: 'cancelled',
    });
    await expect(answer([new Error('a bug')])).rejects.toThrow('a bug');
  });

  test('an answer without its end is no answer', async () => {
    async function* broken(): AsyncGenerator<AskEvent> {
      yield { type: 'text', text: 'half' };
    }
    await expect(wholeAnswer(broken())).rejects.toThrow('before it was whole');
  });
});

test('nothing found: it says so, without asking a model or citing', async () => {
  const chat = scripted(['Made up [1].']);
  const { text, annotations, sources, model } = await wholeAnswer(eventsOf(chat, []));
  expect(text).toBe('Nothing in the documents fits this question.');
  expect({ annotations, sources, model }).toEqual({ annotations: [], sources: [], model: null });
  expect(chat.asked).toEqual([]);
});
