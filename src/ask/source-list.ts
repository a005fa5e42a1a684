import { placeInWords, type Citation } from '../document.ts';
import type { AskEvent } from './ask.ts';
import { escapeMarkdown } from './picture-text.ts';

/** Puts the sources that an answer cites at its end, for programs that show nothing but the text. */
export async function* withSourceList(events: AsyncIterable<AskEvent>): AsyncGenerator<AskEvent> {
  for await (const event of events) {
    if (event.type !== 'answer' || event.answer.citations.length === 0) {
      yield event;
      continue;
    }
    const list = `\n\n**Sources**\n\n${event.answer.citations.map(line).join('\n')}`;
    yield { type: 'text', text: list };
    yield { type: 'answer', answer: { ...event.answer, text: event.answer.text + list } };
  }
}

function line({ marker, title, passage, url }: Citation): string {
  const place = placeInWords(passage);
  return `- [${marker}] [${escapeMarkdown(place === '' ? title : `${title}, ${place}`)}](${url})`;
}
