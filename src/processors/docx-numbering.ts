import { letters, roman } from './numerals.ts';
import { descendants, type XmlNode } from './xml-tree.ts';

/** One level of a list definition (ECMA-376, part 1, 17.9.6). */
interface Level {
  start: number;
  format: string;
  /** Such as `%1.%2)`. */
  pattern: string;
  /** Number formats of outer levels are shown as decimals. */
  isLegal: boolean;
}

/** What a paragraph or a style says of its numbering. */
export interface NumberingOf {
  list?: string | undefined;
  level?: number | undefined;
  style?: string | undefined;
}

interface List {
  levels: ReadonlyMap<number, Level>;
  /** Lists of one definition count on together. */
  definition: string;
  restarts: ReadonlyMap<number, number>;
  /** Styles that stand for a level. */
  styles: ReadonlyMap<string, number>;
}

export interface Numbering {
  /** The label of the next paragraph, such as `2.1` or `b)`; undefined where it has none or a bullet. */
  label(of: NumberingOf): string | undefined;
}

/** Counts the automatic numbers of a Word document, whose text does not hold them. */
export function createNumbering(numbering: readonly XmlNode[], styles: readonly XmlNode[]): Numbering {
  const lists = readLists(numbering);
  const ofStyles = readStyles(styles);
  const counters = new Map<string, number[]>();
  const restarted = new Set<string>();

  function count(name: string, list: List, at: number): number[] {
    const numbers = counters.get(list.definition) ?? [];
    counters.set(list.definition, numbers);
    const restart = list.restarts.get(at);
    const start = restart ?? list.levels.get(at)?.start ?? 1;
    const begins = restart !== undefined && !restarted.has(`${name}/${at}`);
    restarted.add(`${name}/${at}`);
    for (let outer = 0; outer < at; outer += 1) numbers[outer] ??= list.levels.get(outer)?.start ?? 1;
    numbers[at] = begins || numbers[at] === undefined ? start : numbers[at] + 1;
    numbers.length = at + 1;
    return numbers;
  }

  return {
    label(of) {
      const styled = ofStyles.get(of.style ?? '');
      const name = of.list ?? styled?.list;
      const list = lists.get(name ?? '');
      if (name === undefined || !list) return undefined;
      const at = of.level ?? list.styles.get(of.style ?? '') ?? styled?.level ?? 0;
      const level = list.levels.get(at);
      if (!level || at > 8) return undefined;
      const numbers = count(name, list, at);
      return level.format === 'bullet' ? undefined : labelOf(level, list, numbers);
    },
  };
}

function labelOf(level: Level, list: List, numbers: readonly number[]): string {
  return level.pattern.replaceAll(/%([1-9])/g, (_, digit: string) => {
    const at = Number(digit) - 1;
    const format = level.isLegal ? 'decimal' : (list.levels.get(at)?.format ?? 'decimal');
    return numeral(numbers[at] ?? 1, format);
  });
}

function numeral(number: number, format: string): string {
  // Word goes on after z with aa, bb, cc.
  const letter = letters(((number - 1) % 26) + 1).repeat(Math.min(Math.ceil(number / 26), 20));
  switch (format) {
    case 'lowerLetter':
      return letter;
    case 'upperLetter':
      return letter.toUpperCase();
    case 'lowerRoman':
      return roman(number);
    case 'upperRoman':
      return roman(number).toUpperCase();
    case 'decimalZero':
      return String(number).padStart(2, '0');
    case 'none':
      return '';
    default:
      return String(number);
  }
}

function readLists(numbering: readonly XmlNode[]): Map<string, List> {
  const definitions = new Map<string, XmlNode>();
  for (const node of descendants(numbering, 'w:abstractNum'))
    definitions.set(node.attributes['w:abstractNumId'] ?? '', node);
  const lists = new Map<string, List>();
  for (const node of descendants(numbering, 'w:num')) {
    const definition = value(node, 'w:abstractNumId') ?? '';
    const levels = new Map<number, Level>();
    const styles = new Map<string, number>();
    const overrides = [...descendants(node.children, 'w:lvl')];
    for (const level of [
      ...descendants(definitions.get(definition)?.children ?? [], 'w:lvl'),
      ...overrides,
    ]) {
      const at = Number(level.attributes['w:ilvl'] ?? 0);
      levels.set(at, readLevel(level));
      const style = value(level, 'w:pStyle');
      if (style !== undefined) styles.set(style, at);
    }
    lists.set(node.attributes['w:numId'] ?? '', { definition, levels, styles, restarts: readRestarts(node) });
  }
  return lists;
}

function readLevel(node: XmlNode): Level {
  return {
    start: Number(value(node, 'w:start') ?? 1),
    format: value(node, 'w:numFmt') ?? 'decimal',
    pattern: value(node, 'w:lvlText') ?? '',
    isLegal: [...descendants(node.children, 'w:isLgl')].length > 0,
  };
}

function readRestarts(list: XmlNode): Map<number, number> {
  const restarts = new Map<number, number>();
  for (const override of descendants(list.children, 'w:lvlOverride')) {
    const start = value(override, 'w:startOverride');
    if (start !== undefined) restarts.set(Number(override.attributes['w:ilvl'] ?? 0), Number(start));
  }
  return restarts;
}

/** The numbering of each paragraph style, its own or that of the style it is based on. */
function readStyles(styles: readonly XmlNode[]): Map<string, NumberingOf> {
  const own = new Map<string, NumberingOf & { base: string | undefined }>();
  for (const style of descendants(styles, 'w:style')) {
    const level = value(style, 'w:ilvl');
    own.set(style.attributes['w:styleId'] ?? '', {
      list: value(style, 'w:numId'),
      level: level === undefined ? undefined : Number(level),
      base: value(style, 'w:basedOn'),
    });
  }
  const resolved = new Map<string, NumberingOf>();
  for (const name of own.keys()) resolved.set(name, inherited(own, name));
  return resolved;
}

const MAX_BASES = 10;

function inherited(
  own: ReadonlyMap<string, NumberingOf & { base: string | undefined }>,
  name: string,
): NumberingOf {
  let style = own.get(name);
  for (let step = 0; style && style.list === undefined && step < MAX_BASES; step += 1)
    style = own.get(style.base ?? '');
  return { list: style?.list, level: style?.level };
}

/** The `w:val` of the first element of this name inside. */
function value(node: XmlNode, name: string): string | undefined {
  const [found] = descendants(node.children, name);
  return found?.attributes['w:val'];
}
