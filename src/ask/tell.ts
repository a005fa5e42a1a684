import type { Citation } from '../document.ts';
import type { ChatPart, ChatUsage, ToolCall, ToolCallPart } from '../models/model-server.ts';
import type { Answer, AskEvent, Coverage } from './ask.ts';
import type { Rewritten } from './follow-up.ts';
import { createCitationReader, type CitedText, type Marker } from './cite.ts';

export interface Telling {
  sources: Citation[];
  model: string | null;
  /** How much of the documents could be found; none for an answer that is not made of documents. */
  index?: Coverage;
  rewritten?: Rewritten | null;
  /** Narrows a citation to what a marker in the text stands for. */
  exact?: (citation: Citation, text: string, marker: Marker) => Citation;
  /** Numbers of the passages that an answer without markers speaks from. */
  credit?: (text: string) => number[];
  /** The text is left as it comes: `[1]` in JSON is a list, and no marker. */
  isPlain?: boolean;
}

const NO_USAGE: ChatUsage = { promptTokens: 0, completionTokens: 0, finish: 'stop' };

/** Makes events of what is written, and reads its markers as the text streams. */
export async function* tell(
  parts: AsyncIterable<ChatPart> | Iterable<ChatPart>,
  telling: Telling,
): AsyncGenerator<AskEvent> {
  const { sources, model, index = null, rewritten = null, isPlain = false } = telling;
  const { credit = () => [], exact = (citation) => citation } = telling;
  yield { type: 'sources', sources, model, index, rewritten };
  const reader = isPlain ? plainReader : createCitationReader(sources.length);
  const whole: CitedText = { text: '', markers: [] };
  const calls: ToolCall[] = [];
  let usage = NO_USAGE;
  let thinking = '';
  const add = (piece: CitedText): AskEvent[] => {
    whole.text += piece.text;
    whole.markers.push(...piece.markers);
    return piece.text === '' ? [] : [{ type: 'text', text: piece.text }];
  };
  for await (const part of parts) {
    usage = part.usage ?? usage;
    if (part.thinking !== undefined) {
      thinking += part.thinking;
      yield { type: 'thinking', text: part.thinking };
    }
    yield* add(reader.push(part.text));
    if (part.toolCalls) yield* callsIn(part.toolCalls, calls);
  }
  yield* add(reader.finish());
  if (whole.text.trim() === '' && calls.length === 0 && !isPlain)
    yield* add({ text: 'The language model wrote nothing; please ask again.', markers: [] });
  if (whole.markers.length === 0 && calls.length === 0) yield* add(reader.append(credit(whole.text)));
  const told = { sources, model, index, rewritten, toolCalls: calls, thinking, usage };
  yield { type: 'answer', answer: { ...cited(whole, sources, exact), ...told } };
}

const asIs = (text: string): CitedText => ({ text, markers: [] });
const plainReader = { push: asIs, finish: () => asIs(''), append: () => asIs('') };

/** Tells the pieces on, and joins them to whole calls in `calls`. */
function* callsIn(pieces: readonly ToolCallPart[], calls: ToolCall[]): Generator<AskEvent> {
  for (const { index, id, name, arguments: text } of pieces) {
    const call = (calls[index] ??= { id: id ?? '', name: name ?? '', arguments: '' });
    call.arguments += text;
  }
  yield { type: 'tool_calls', calls: pieces };
}

function cited(
  whole: CitedText,
  sources: Citation[],
  exact: NonNullable<Telling['exact']>,
): Pick<Answer, 'text' | 'annotations' | 'citations'> {
  const annotations = whole.markers.flatMap((marker) => {
    const source = sources[marker.number - 1];
    return source ? [{ ...marker, citation: exact(source, whole.text, marker) }] : [];
  });
  const citations = sources.flatMap(
    ({ marker }) => annotations.find(({ number }) => number === marker)?.citation ?? [],
  );
  return { text: whole.text, annotations, citations };
}

/** Waits for the first step, so that what fails before it fails here. */
export async function begun<T>(steps: AsyncIterable<T>): Promise<AsyncIterable<T>> {
  const iterator = steps[Symbol.asyncIterator]();
  return resume(await iterator.next(), iterator);
}

/** An iteration whose first step was already made. */
async function* resume<T>(first: IteratorResult<T>, rest: AsyncIterator<T>): AsyncGenerator<T> {
  try {
    for (let next = first; !next.done; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}
