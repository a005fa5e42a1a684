import { expect, test } from 'vitest';
import { sentencesOf } from '../../src/ask/sentences.ts';

/** Each line is a text; a bar stands where a sentence ends. */
test.each([
  'Use a fuse, e.g. The big one, or ask Dr. No about it. | Then go.',
  'The U.S. Army came, i.e. Smith vs. Jones. | It left after 3.5 km at 10.30. | See p. 12, No. 5 and Fig. 3. | Done.',
  'The hut was built in 1962. | It is cold. | Nobody asked for version 2.0.1 of it.',
  'He said “Stop. Go home now.” and left. | She wept.',
  'He said "Stop. Go home now." | She wept (it was cold. Very cold.) for hours.',
  '"Is it on?" he asked. | "Yes!" she said. | Is it? | No. | It is off.',
  'J. R. R. Tolkien wrote it. | Others read it.',
  'Er sagte: „Halt. Geh heim.“ | Dann ging er zu Prof. Dr. Müller, z. B. Montags, d. h. Nie. | Am 3. Mai kam er.',
  'Vgl. Abb. 4 und Nr. 7. | »Ja. Gewiss.« | Nein.',
  'M. Dupont et Mme. Curie sont là. | Il dit : « Non. Jamais. » | Puis il part, p. ex. Demain.',
  'El Sr. López llegó. | ¿Qué? | Véase pág. 3. | «No. Nunca.» | Nada.',
  'Он сказал: «Стой. Иди домой.» и ушёл. | Ул. Ленина, т. е. Центр. | Конец.',
  'Arriva il dott. Rossi. | È tardi!',
])('sentences end where they do: %s', (marked) => {
  const sentences = marked.split(' | ');
  expect(sentencesOf(sentences.join(' '))).toEqual(sentences);
});

test.each([
  '他说：“停。回家。”|然后走了。|她哭了！',
  '彼は「止まれ。帰れ。」と言った。|彼女は泣いた。',
  '문을 닫아라. |"예. 알겠습니다." |끝.',
])('also without spaces: %s', (marked) => {
  expect(sentencesOf(marked.replaceAll('|', ''))).toEqual(marked.split('|').map((one) => one.trim()));
});

test('a quotation that is never closed keeps its sentences', () => {
  const text = `He said "${'Stop it now. '.repeat(100)}`;
  const sentences = sentencesOf(text);
  expect(sentences).toHaveLength(100);
  expect(sentencesOf('The 5" pipe leaks. Mend it. A 3" one fits.')).toHaveLength(3);
  expect(sentencesOf('A smile :) is fine. Then (b. It ends here.')).toHaveLength(3);
});

test('a text of letters and dots is not one sentence', () => {
  const sentences = sentencesOf('A. '.repeat(2000));
  expect(Math.max(...sentences.map((one) => one.length))).toBeLessThanOrEqual(600);
  expect(sentences.join(' ')).toBe('A. '.repeat(2000).trim());
});

test('any text is there whole and in its order, in time', () => {
  const hostile = '(“«"'.repeat(20_000) + 'a. '.repeat(20_000);
  const started = performance.now();
  expect(sentencesOf(hostile).join('').replaceAll(' ', '')).toBe(hostile.replaceAll(' ', ''));
  expect(performance.now() - started).toBeLessThan(5000);
  expect(sentencesOf('')).toEqual([]);
  expect(sentencesOf('First\n  line. Second line.')).toEqual(['First line.', 'Second line.']);
});
