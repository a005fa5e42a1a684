import { describe, expect, test } from 'vitest';
import { bestSentences, creditPassages, worthQuoting } from '../../src/ask/quote.ts';
import { loadLanguage } from '../../src/store/language.ts';
import { passageOf } from './material.ts';

const STATION = passageOf({
  text: 'The hut was built in 1962. It is cold. The spare fuse lies in the biscuit tin. Nobody lives there.',
});
const ALLOTMENT = passageOf({ text: 'Cockerels are not allowed on the allotment. Hens are, up to six.' });

describe('the best sentences', () => {
  test('are those that share words with the question, in their order', () => {
    expect(bestSentences('Where is the spare fuse?', STATION)).toBe(
      'The spare fuse lies in the biscuit tin.',
    );
    expect(bestSentences('fuse of the hut', STATION)).toBe(
      'The hut was built in 1962. … The spare fuse lies in the biscuit tin.',
    );
  });

  test('are not chosen by words such as "is the"', () => {
    expect(bestSentences('What is the fuse?', passageOf({ text: 'It is the end. A fuse blew.' }))).toBe(
      'A fuse blew.',
    );
  });

  test('are the beginning where nothing fits, on one line', () => {
    expect(bestSentences('quark', passageOf({ text: 'First\n  line. Second line.' }))).toBe('First line.');
  });
});

describe('what is quoted reads well alone:', () => {
  const table =
    '| item | quantity | shelf |\n| --- | --- | --- |\n| Nails \\| copper | 1200 | B4 |\n| Linseed oil | 35 | |';
  test.each([
    ['On which shelf is the oil?', table, 'item: Linseed oil · quantity: 35'],
    ['On which shelf are the nails?', table, 'item: Nails | copper · quantity: 1200 · shelf: B4'],
    ['nails', '| Nails | 1200 |\n| Oil | 35 |', 'Nails · 1200'],
    ['item', '| item | shelf |\n| --- | --- |', 'item · shelf'],
    [
      'What of the mill?',
      '# The mill\n\nThe mill was leased to Agnes Pell.',
      'The mill was leased to Agnes Pell.',
    ],
    ['What of the mill?', '## The mill\nThe mill was leased.', 'The mill was leased.'],
    ['The mill', '# The mill', 'The mill'],
    [
      'When is the boiler inspected?',
      'From: Ruth <ruth@example.org>\nSubject: Boiler\n\nThe boiler inspection is on Thursday. Bye.',
      'Subject: Boiler … The boiler inspection is on Thursday.',
    ],
    ['who has rope', 'Bring:\n\n- boots\n- rope, twice\n  as long', 'rope, twice as long'],
    ['Wer hat Seile?', '1. Hüte\n2. Seile\n3. Bänke', '2. Seile'],
    ['Wann war der Sturm?', 'Der Sturm war am\n3. Mai in Odell.', 'Der Sturm war am 3. Mai in Odell.'],
  ])('%s', (question, text, quoted) => {
    expect(bestSentences(question, passageOf({ text }))).toBe(quoted);
  });
});

test('what is quoted has no heading that stands in a line of its own', () => {
  const text = 'The keepers\nThe light stands on a rock. Its first keeper was Tobias Venn.';
  const passage = passageOf({ text, headings: ['Logbook', 'The keepers'] });
  expect(bestSentences('Who was the first keeper?', passage)).toBe('Its first keeper was Tobias Venn.');
});

describe('a passage is worth quoting', () => {
  test('when it shares nearly as much as the best one, with its number', () => {
    const found = worthQuoting('Where is the spare fuse?', [ALLOTMENT, STATION], 3);
    expect(found).toEqual([{ passage: STATION, number: 2 }]);
  });

  test('without any shared word: all, since they were found by meaning', () => {
    expect(worthQuoting('quark', [ALLOTMENT, STATION], 3).map(({ number }) => number)).toEqual([1, 2]);
    expect(worthQuoting('quark', [ALLOTMENT, STATION], 1)).toHaveLength(1);
    expect(worthQuoting('quark', [], 3)).toEqual([]);
  });
});

describe('an answer without markers', () => {
  const passages = [STATION, ALLOTMENT];

  test('is credited to the passage that holds most of its words', () => {
    expect(creditPassages('The spare fuse lies in the biscuit tin.', passages)).toEqual([1]);
    expect(creditPassages('No cockerels are allowed there; hens are allowed.', passages)).toEqual([2]);
  });

  test.each([
    'The passages do not say.',
    'I do not know that from the passages, as it is not there.',
    'There is nothing about the harbour in these documents.',
    'Die Dokumente sagen dazu nichts.',
    'No.',
    '',
  ])('is credited to nobody when it says nothing of theirs: %s', (answer) => {
    expect(creditPassages(answer, passages)).toEqual([]);
  });

  test('is credited to nobody when there is nobody', () => {
    expect(creditPassages('The spare fuse lies in the biscuit tin.', [])).toEqual([]);
  });
});

test('words are those of the language', async () => {
  const german = await loadLanguage('de');
  const passage = passageOf({ text: 'Wie es war, so ist es. Die alten Häuser stehen noch.' });
  expect(bestSentences('Wie ist es mit dem Haus?', passage, german)).toBe('Die alten Häuser stehen noch.');
  expect(bestSentences('Wie ist es mit dem Haus?', passage)).not.toBe('Die alten Häuser stehen noch.');
});
