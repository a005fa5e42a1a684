import type { ChatPart } from './model-server.ts';

const OPEN = '<think>';
const CLOSE = '</think>';

/**
 * Takes thoughts out of a text that begins with `<think>...</think>`, as servers leave them that do not know the
 * model's way of thinking. How the text is cut into pieces makes no difference.
 */
export function createThinkReader() {
  let place: 'start' | 'thinking' | 'after' | 'text' = 'start';
  let held = '';

  function* read(isLast: boolean): Generator<ChatPart> {
    if (place === 'start') {
      const begun = held.trimStart();
      if (!isLast && begun.length < OPEN.length && OPEN.startsWith(begun)) return;
      place = begun.startsWith(OPEN) ? 'thinking' : 'text';
      if (place === 'thinking') held = begun.slice(OPEN.length);
    }
    if (place === 'thinking') yield* readThoughts(isLast);
    if (place === 'after') {
      held = held.trimStart();
      if (held !== '') place = 'text';
    }
    if (place === 'text' && held !== '') {
      yield { text: held };
      held = '';
    }
  }

  /** The end of what is held may be the beginning of the closing tag. */
  function* readThoughts(isLast: boolean): Generator<ChatPart> {
    const at = held.indexOf(CLOSE);
    const end = at === -1 ? Math.max(0, held.length - (isLast ? 0 : CLOSE.length - 1)) : at;
    if (end > 0) yield { text: '', thinking: held.slice(0, end) };
    held = held.slice(at === -1 ? end : end + CLOSE.length);
    if (at !== -1) place = 'after';
  }

  return {
    *push(text: string): Generator<ChatPart> {
      held += text;
      yield* read(false);
    },
    finish: (): Generator<ChatPart> => read(true),
  };
}
