/**
 * A processor for MealMaster recipes (`.mmf`), as an example: copy it into the folder that `LIMNER_PROCESSORS` names.
 * docs/add-a-processor.md explains each line.
 */
import { readFile } from 'node:fs/promises';

interface File {
  path: string;
  name: string;
  bytes: number;
}

interface Limits {
  textCharacters: number;
}

interface Section {
  text: string;
  headings?: string[];
  lines?: [first: number, last: number];
}

export default {
  name: 'mealmaster',
  version: 1,
  kinds: ['text'],
  label: 'a MealMaster recipe',
  extensions: ['mmf'],

  async *read(file: File, limits: Limits) {
    const source = (await readFile(file.path, 'latin1')).slice(0, limits.textCharacters);
    const lines = source.split(/\r?\n/);
    if (!/^(?:MMMMM|-----).*Meal-Master/i.test(lines[0] ?? '')) {
      throw Object.assign(new Error('The file does not begin as a MealMaster recipe does.'), {
        code: 'corrupt',
      });
    }
    for (const recipe of recipesOf(lines)) yield { sections: [recipe] };
    const title = titleOf(lines);
    if (title) yield { title };
  },
};

/** Each recipe stands between its head line and a line of five marks alone. */
function* recipesOf(lines: readonly string[]): Generator<Section> {
  let first = 0;
  for (const [index, line] of lines.entries()) {
    if (!/^(?:MMMMM|-----)\s*$/.test(line)) continue;
    const body = lines.slice(first + 1, index);
    const text = body.join('\n').trim();
    const title = titleOf(body);
    if (text !== '') yield { text, lines: [first + 1, index + 1], ...(title && { headings: [title] }) };
    first = index + 1;
  }
}

function titleOf(lines: readonly string[]): string | undefined {
  return lines.map((line) => /^\s*Title:\s*(.+)$/i.exec(line)?.[1]?.trim()).find(Boolean);
}
