import { z } from 'zod';
import type {
  ChatMessage,
  ChatOptions,
  ChatPart,
  ChatUsage,
  Tool,
  ToolCallPart,
} from '../models/model-server.ts';
import type { Citation } from '../document.ts';
import type { AskEvent, Chat } from './ask.ts';

/**
 * What the model may call to have a picture beside its answer. It says which passages are drawn and not how: a document
 * can speak through the model, so nothing that the model writes becomes a prompt.
 */
const DRAW: Tool = {
  name: 'draw',
  description:
    'Shows the reader one picture below your answer. Call it only when the question asks for a picture. It is drawn from the passages with these numbers; write the answer in words all the same.',
  parameters: {
    type: 'object',
    properties: { passages: { type: 'array', items: { type: 'integer', minimum: 1 } } },
    required: ['passages'],
  },
};

const DRAWN =
  'The picture is being drawn and will stand below your answer. Now answer the question in words.';
const Arguments = z.object({ passages: z.array(z.coerce.number().int()).max(100) });

/** Whether the tool can stand beside what the caller asks of the model. */
export function canOfferDraw({ tools = [], toolChoice = 'auto', format }: ChatOptions): boolean {
  return toolChoice === 'auto' && format === undefined && tools.every(({ name }) => name !== DRAW.name);
}

/**
 * What the model writes when it is offered `draw` besides. Calls of it are kept from the caller: the first one's passages
 * are told to `onDraw`, and the model, when it said nothing but that, goes on to its answer without the tool.
 */
export async function* completeWithDraw(
  complete: Chat['complete'],
  messages: readonly ChatMessage[],
  options: ChatOptions,
  onDraw: (passages: readonly number[]) => void,
  signal: AbortSignal,
): AsyncGenerator<ChatPart> {
  const split = createSplit();
  let text = '';
  let usage: ChatUsage | undefined;
  const offered = { ...options, tools: [...(options.tools ?? []), DRAW] };
  for await (const part of complete(messages, offered, signal)) {
    text += part.text;
    const { usage: counted, toolCalls = [], ...rest } = part;
    usage = counted ?? usage;
    const others = split.take(toolCalls);
    if (rest.text !== '' || rest.thinking !== undefined || others.length > 0)
      yield { ...rest, ...(others.length > 0 && { toolCalls: others }) };
  }
  const call = split.ours();
  if (call) onDraw(call.passages);
  if (!call || !usage || split.others() > 0 || text.trim() !== '') {
    if (usage) yield { text: '', usage: call && split.others() === 0 ? { ...usage, finish: 'stop' } : usage };
    return;
  }
  const toolCalls = [
    { id: call.id, name: DRAW.name, arguments: JSON.stringify({ passages: call.passages }) },
  ];
  const turns: ChatMessage[] = [
    ...messages,
    { role: 'assistant', content: '', toolCalls },
    { role: 'tool', content: DRAWN, toolCallId: call.id },
  ];
  for await (const part of complete(turns, options, signal))
    yield part.usage ? { ...part, usage: sum(usage, part.usage) } : part;
}

/** Tells calls of ours from the caller's own, which are numbered as if ours were not there. */
function createSplit() {
  const numbers = new Map<number, number>();
  const drawn = new Map<number, { id: string; text: string }>();

  return {
    take: (pieces: readonly ToolCallPart[]): ToolCallPart[] =>
      pieces.flatMap((piece) => {
        const known = drawn.get(piece.index);
        if (known) known.text += piece.arguments;
        else if (piece.name === DRAW.name)
          drawn.set(piece.index, { id: piece.id ?? 'call_draw', text: piece.arguments });
        if (drawn.has(piece.index)) return [];
        const index = numbers.get(piece.index) ?? numbers.size;
        numbers.set(piece.index, index);
        return [{ ...piece, index }];
      }),
    others: (): number => numbers.size,
    ours(): { id: string; passages: number[] } | undefined {
      const [first] = drawn.values();
      return first && { id: first.id, passages: passagesIn(first.text) };
    },
  };
}

/** What makes no sense names no passage. */
function passagesIn(text: string): number[] {
  try {
    return Arguments.safeParse(JSON.parse(text)).data?.passages ?? [];
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return [];
  }
}

function sum(one: ChatUsage, other: ChatUsage): ChatUsage {
  return {
    ...other,
    promptTokens: one.promptTokens + other.promptTokens,
    completionTokens: one.completionTokens + other.completionTokens,
  };
}

/** Notes on the answer what the model had drawn, if it had. */
export async function* withDraw(
  events: AsyncIterable<AskEvent>,
  drawn: () => readonly number[] | undefined,
  words: string,
  sources: readonly Citation[],
): AsyncGenerator<AskEvent> {
  for await (const event of events) {
    const numbers = event.type === 'answer' ? drawn() : undefined;
    if (event.type !== 'answer' || !numbers) yield event;
    else {
      const passages = sources.filter(({ marker }) => numbers.includes(marker));
      yield { type: 'answer', answer: { ...event.answer, draw: { words, passages } } };
    }
  }
}
