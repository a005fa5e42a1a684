import { stemsOf, weightOf } from './ollama-embedding.ts';

export interface Message {
  role: string;
  content: string;
}

/**
 * Answers like a well-behaved model: one sentence with the words of the passage that shares most with the
 * question, and its marker. Passages are numbered `[1] ...` at the start of a line, or `<passage id="1">`.
 */
export function quoteBest(messages: readonly Message[]): string {
  const prompt = messages.map((message) => message.content).join('\n\n');
  const passages = passagesIn(prompt);
  const question = questionIn(messages);
  const best = passages
    .map(({ marker, text }) => ({ marker, text, score: shared(question, text) }))
    .reduce((one, other) => (other.score > one.score ? other : one), { marker: 0, text: '', score: 0 });
  if (best.score === 0) return 'The passages do not say.';
  return `${bestSentence(best.text, question)} [${best.marker}].`;
}

function passagesIn(prompt: string): { marker: number; text: string }[] {
  const starts = [
    ...prompt.matchAll(/^\s*(?:\[(\d+)\]|<\w+[^>\n]*?\b(?:id|n|number|marker)="?(\d+)"?[^>\n]*>)/gm),
  ];
  return starts.map((start, index) => ({
    marker: Number(start[1] ?? start[2]),
    text: endOfPassage(prompt.slice(start.index + start[0].length, starts[index + 1]?.index)),
  }));
}

/** The last passage has no next one to end it: the question or a closing tag does. */
function endOfPassage(text: string): string {
  return text.split(/<\/|^\s*Question:/m)[0] ?? '';
}

function questionIn(messages: readonly Message[]): string {
  const last = messages.findLast((message) => message.role === 'user')?.content ?? '';
  const labelled = last.split(/^\s*Question:/m)[1];
  return labelled ?? last.trim().split('\n').at(-1) ?? '';
}

function shared(question: string, text: string): number {
  const words = new Set(stemsOf(text));
  return stemsOf(question)
    .filter((word) => words.has(word) && weightOf(word) > 1)
    .reduce((sum, word) => sum + weightOf(word), 0);
}

function bestSentence(text: string, question: string): string {
  const sentences = text
    // A long line that ends within a sentence goes on in the next one.
    .replaceAll(/(?<=[^\n]{50}[\p{Ll},;])\n(?=[\p{L}\d])/gu, ' ')
    .split(/(?<=[.!?])\s+|\n+/)
    .map((sentence) => sentence.trim())
    .filter(Boolean);
  const best = sentences.reduce(
    (one, other) => (shared(question, other) > shared(question, one) ? other : one),
    sentences[0] ?? '',
  );
  return best.replace(/[.!?]+$/, '');
}

/** As tokens come: a few letters at a time, and a marker never in one piece. */
export function inParts(text: string): string[] {
  return text.match(/\[(?=\d)|\d+\]|\s*[^\s[\]]{1,6}|\s+|[[\]]/g) ?? [];
}
