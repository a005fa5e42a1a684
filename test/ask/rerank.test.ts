import { describe, expect, test } from 'vitest';
import type { ChatMessage, ChatPart } from '../../src/ask/ask.ts';
import { byChat, byVerdicts } from '../../src/ask/rerank-by-chat.ts';
import { byScores, createRerank, type Order } from '../../src/ask/rerank.ts';
import { LimnerError } from '../../src/errors.ts';
import { createLog } from '../../src/log.ts';
import type { ChatOptions } from '../../src/models/model-server.ts';
import { passageOf } from './material.ts';

const signal = new AbortController().signal;
const PASSAGES = Array.from({ length: 35 }, (_, at) =>
  passageOf({ id: `d${at}`, title: `Title ${at}`, text: `text ${at}`, score: 1 - at / 100 }),
);

function bed(order: Order, deadlineMs = 5000) {
  const lines: string[] = [];
  const log = createLog({ level: 'warn', secrets: [], write: (line) => void lines.push(line) });
  const rerank = createRerank({ deadlineMs }, { order, log });
  return { rerank: (question = 'Where?') => rerank(question, PASSAGES, signal), lines };
}

const idsOf = (passages: readonly { document: { id: string } }[]): string[] =>
  passages.map(({ document }) => document.id);
const FUSED = idsOf(PASSAGES);

describe('the second stage', () => {
  test('puts the best thirty into the order of the model, and leaves what stands behind', async () => {
    const read: string[][] = [];
    const { rerank } = bed(async (_, texts) => {
      read.push([...texts]);
      return [7, 2];
    });
    const passages = await rerank();
    expect(read[0]).toHaveLength(30);
    expect(read[0]?.[0]).toBe('Title 0\ntext 0');
    expect(idsOf(passages).slice(0, 5)).toEqual(['d7', 'd2', 'd0', 'd1', 'd3']);
    expect(idsOf(passages).slice(30)).toEqual(FUSED.slice(30));
    expect(passages.map(({ score }) => score)).toEqual(PASSAGES.map(({ score }) => score));
    expect(passages.map(({ reranked }) => reranked).slice(0, 2)).toEqual([1, 2]);
    expect(passages[30]?.reranked).toBeUndefined();
  });

  test('passes over places that are none, and takes each once', async () => {
    expect(idsOf(await bed(async () => [3, 99, -1, 3, 0.5, 1]).rerank()).slice(0, 3)).toEqual([
      'd3',
      'd1',
      'd0',
    ]);
  });

  test('that fails leaves the order, and the log says so', async () => {
    const { rerank, lines } = bed(() => Promise.reject(new LimnerError('model_unavailable', 'Gone.')));
    expect(idsOf(await rerank())).toEqual(FUSED);
    expect(lines.join()).toContain('not reranked');
  });

  test('that is late leaves the order', async () => {
    const late: Order = (_question, _texts, until) =>
      new Promise((_, reject) => {
        until.addEventListener('abort', () => reject(new LimnerError('cancelled', 'Late.')));
      });
    expect(idsOf(await bed(late, 20).rerank())).toEqual(FUSED);
  });

  test('hides no bug of ours', async () => {
    await expect(bed(() => Promise.reject(new Error('a bug'))).rerank()).rejects.toThrow('a bug');
  });

  test('asks nobody about nothing', async () => {
    const { rerank } = bed(() => Promise.reject(new Error('asked')));
    expect(idsOf(await rerank('  '))).toEqual(FUSED);
  });
});

/** A model that answers each prompt with what `say` makes of it. */
function scripted(say: (prompt: string) => string, contextTokens?: number) {
  const asked: { messages: readonly ChatMessage[]; options: ChatOptions }[] = [];
  let [atOnce, most] = [0, 0];
  return {
    asked,
    most: () => most,
    ready: () => 'script:1',
    contextTokens: () => contextTokens,
    async *complete(messages: readonly ChatMessage[], options: ChatOptions): AsyncGenerator<ChatPart> {
      asked.push({ messages, options });
      most = Math.max(most, ++atOnce);
      await Promise.resolve();
      yield { text: say(messages.map(({ content }) => content).join('\n')) };
      atOnce--;
    },
  };
}

const TEXTS = ['the hut', 'the tin with the fuse', 'a ship'];

describe('the chat model', () => {
  test('is shown all passages at once and names the best', async () => {
    const chat = scripted(() => '[2], 3');
    expect(await byChat(chat)('Where is the fuse?', TEXTS, signal)).toEqual([1, 2]);
    expect(chat.asked).toHaveLength(1);
    expect(chat.asked[0]?.messages[1]?.content).toContain('[2] the tin with the fuse');
  });

  test('that names none has failed', async () => {
    await expect(byChat(scripted(() => 'I cannot.'))('?', TEXTS, signal)).rejects.toMatchObject({
      code: 'model_answer',
    });
    await expect(byChat(scripted(() => '0, 77'))('?', TEXTS, signal)).rejects.toMatchObject({
      code: 'model_answer',
    });
  });

  test('is shown as much of each passage as its context holds', async () => {
    const chat = scripted(() => '1', 2048);
    await byChat(chat)('?', Array<string>(30).fill('x'.repeat(1200)), signal);
    const prompt = chat.asked[0]?.messages.map(({ content }) => content).join('') ?? '';
    expect(prompt.length / 3).toBeLessThan(2048);
  });
});

describe('a reranking model that can only write', () => {
  test('is asked for yes or no about each passage, some at once', async () => {
    const chat = scripted((prompt) => (prompt.includes('<Document>: the tin') ? 'Yes' : 'no.'));
    const order = byScores(byVerdicts('judge:1', chat));
    expect(await order('Where is the fuse?', TEXTS, signal)).toEqual([1, 0, 2]);
    expect(chat.asked.map(({ options }) => options.model)).toEqual(['judge:1', 'judge:1', 'judge:1']);
    await byVerdicts('judge:1', chat)('?', Array<string>(20).fill('x'), signal);
    expect(chat.most()).toBe(4);
  });

  test('that says neither has failed', async () => {
    await expect(
      byVerdicts(
        'judge:1',
        scripted(() => 'maybe'),
      )('?', TEXTS, signal),
    ).rejects.toMatchObject({
      code: 'model_answer',
    });
  });
});
