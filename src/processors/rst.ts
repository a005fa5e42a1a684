import type { FindHeading } from './marked-lines.ts';
import { readMarkedLines } from './marked-lines.ts';
import type { Processor } from './processor.ts';

/** reStructuredText: sections by underlined heading, with their lines. */
export const rst: Processor = {
  name: 'rst',
  version: 1,
  kinds: ['rst'],
  label: 'a reStructuredText file',
  extensions: ['rst', 'rest'],
  read: (file) => readMarkedLines(file, createFinder, { titled: true }),
};

/** Any sign may underline; which level it means is told by the order in which signs first come (Docutils). */
function createFinder(): FindHeading {
  const styles: string[] = [];
  let before = '';
  return (line, next) => {
    const over = ruleSign(before);
    before = line;
    if (ruleSign(line)) return 'ornament';
    const sign = ruleSign(next);
    const isTitle = line.trim() !== '' && sign !== undefined;
    if (!isTitle || (next.trimEnd().length < line.trim().length && next.trimEnd().length < 4))
      return undefined;
    const style = over === sign ? `${sign}${sign}` : sign;
    if (!styles.includes(style)) styles.push(style);
    return { level: styles.indexOf(style) + 1, title: line.trim() };
  };
}

/** The sign of a line that is nothing but one punctuation sign, three times or more. */
function ruleSign(line: string): string | undefined {
  const rule = line.trimEnd();
  const sign = rule.charAt(0);
  if (rule.length < 3 || !'=-~^"\'`:.*+#_<>'.includes(sign)) return undefined;
  return rule === sign.repeat(rule.length) ? sign : undefined;
}
