import type { Block, Inline, List, Table } from '@firecrawl/anydoc';
import { pieces } from './cut.ts';
import { MAX_LINE, type Line } from './lines.ts';
import { letters, roman } from './numerals.ts';

type Emit = (line: Line) => void;

/** Writes the blocks of a document as lines in the manner of Markdown, as html-lines.ts does for pages. */
export function writeBlocks(blocks: readonly Block[], emit: Emit): void {
  for (const block of blocks) {
    writeBlock(block, emit);
    emit({ text: '' });
  }
}

function writeBlock(block: Block, emit: Emit): void {
  const text = inlineText(block.content ?? []).trim();
  if (block.level !== undefined && text !== '') writeHeading(block.level, text.replaceAll('\n', ' '), emit);
  else if (text !== '') writeText(text, emit);
  if (block.list) writeList(block.list, emit);
  if (block.table) writeTable(block.table, emit);
  if (block.blocks) writeBlocks(block.blocks, emit);
  if (block.text !== undefined) writeText(block.text, emit);
}

function writeHeading(level: number, text: string, emit: Emit): void {
  const [title = ''] = pieces(text, MAX_LINE);
  emit({ text: `${'#'.repeat(level)} ${title}`, heading: { level, title } });
  if (text.length > title.length) writeText(text.slice(title.length), emit);
}

function writeText(text: string, emit: Emit): void {
  for (const line of text.split('\n')) {
    const parts = [...pieces(line, MAX_LINE)];
    for (const [index, part] of parts.entries()) emit({ text: part, more: index < parts.length - 1 });
  }
}

function writeList(list: List, emit: Emit): void {
  for (const [index, item] of list.items.entries()) {
    const sign = item.markerLabel ?? markerOf(list, index);
    let lead = `${sign} `;
    for (const block of item.blocks) {
      writeBlock(block, (line) => {
        emit(line.heading ? line : { ...line, text: lead + line.text });
        lead = line.more ? '' : '  ';
      });
    }
  }
}

function markerOf(list: List, index: number): string {
  const number = list.start + index;
  const family: string = list.marker;
  if (family === 'bullet') return '*';
  if (family.endsWith('Alpha')) return cased(family, `${letters(number)}.`);
  return family.endsWith('Roman') ? cased(family, `${roman(number)}.`) : `${number}.`;
}

function cased(family: string, marker: string): string {
  return family.startsWith('upper') ? marker.toUpperCase() : marker;
}

function writeTable(table: Table, emit: Emit): void {
  for (const [index, row] of table.grid.entries()) {
    const cells = row.map((slot) => cellText(slot.cell?.blocks ?? []));
    writeText(`| ${cells.join(' | ')} |`, emit);
    if (index === table.headerRows - 1) emit({ text: `|${' --- |'.repeat(cells.length)}` });
  }
}

function cellText(blocks: readonly Block[]): string {
  const lines: string[] = [];
  writeBlocks(blocks, ({ text }) => lines.push(text));
  return lines.filter((line) => line.trim() !== '').join(' ');
}

function inlineText(content: readonly Inline[]): string {
  return content.map(oneInline).join('');
}

function oneInline(inline: Inline): string {
  const kind: string = inline.kind;
  if (kind === 'lineBreak') return '\n';
  if (kind === 'image') return inline.alt ?? '';
  const text = inline.text ?? inlineText(inline.content ?? []);
  const target = kind === 'link' ? (inline.target?.value ?? '') : '';
  return /^https?:/.test(target) && target !== text ? `[${text}](${target})` : text;
}
