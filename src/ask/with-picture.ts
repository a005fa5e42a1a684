import type { AskEvent } from './ask.ts';
import type { Illustrate, PictureWish } from './illustrate.ts';
import { pictureText, type Link } from './picture-text.ts';

export interface WithPicture {
  wish: PictureWish;
  /** Whether the text is shown before the answer is whole, so that nobody waits for a better prompt. */
  isStreamed: boolean;
  /** Whether the picture is told in the text too; otherwise only beside it. */
  isText: boolean;
  link: Link;
}

/** Puts the picture of an answer at its end: the text is told before anything is done for the picture. */
export async function* withPicture(
  events: AsyncIterable<AskEvent>,
  { wish, isStreamed, isText, link }: WithPicture,
  illustrate: Illustrate,
  signal: AbortSignal,
): AsyncGenerator<AskEvent> {
  for await (const event of events) {
    if (event.type !== 'answer' || (!event.answer.illustration && !illustrate.wants(wish, event.answer))) {
      yield event;
      continue;
    }
    const { answer } = event;
    const isComposed = isStreamed || wish === 'wait';
    const begun =
      answer.illustration ??
      (await (isComposed ? illustrate.compose(answer, signal) : illustrate.begin(answer)));
    // Whoever did not ask is not told why there is none.
    if (wish === undefined && 'error' in begun) {
      yield event;
      continue;
    }
    const illustration = wish === 'wait' ? await illustrate.finished(begun, signal) : begun;
    const text = isText ? `${answer.text === '' ? '' : '\n\n'}${pictureText(illustration, link)}` : '';
    if (text !== '') yield { type: 'text', text };
    yield { type: 'answer', answer: { ...answer, text: answer.text + text, illustration } };
  }
}
