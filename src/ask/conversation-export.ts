import type { KeptConversation, Turn } from './kept-conversations.ts';

const WHY: Readonly<Partial<Record<Turn['state'], string>>> = {
  asking: 'This question was not answered to the end.',
  stopped: 'This answer was stopped.',
  broken: 'This answer broke off.',
  failed: 'This question could not be answered.',
};

/** A conversation as Markdown, with the passages that each answer cites below it. */
export function exportConversation(
  { title, created_at: at }: KeptConversation,
  turns: readonly Turn[],
): string {
  return `${[`# ${oneLine(title)}`, `${at.slice(0, 10)}, answered by Limner`, ...turns.map(turnText)].join('\n\n')}\n`;
}

function turnText(turn: Turn): string {
  const cited = new Set(turn.annotations.map(({ marker }) => marker));
  const sources = turn.sources.filter(({ marker }) => cited.has(marker)).map(sourceText);
  const why = WHY[turn.state];
  return [
    `## ${oneLine(turn.question)}`,
    turn.answer.trim(),
    ...(why === undefined ? [] : [`*${why}*${turn.message === null ? '' : ` ${turn.message}`}`]),
    ...(turn.image === null ? [] : [`*A picture was generated beside this answer: job ${turn.image}.*`]),
    ...(sources.length > 0 ? [`Sources:\n\n${sources.join('\n')}`] : []),
  ]
    .filter(Boolean)
    .join('\n\n');
}

function sourceText({ marker, title, page, url, text }: Turn['sources'][number]): string {
  const place = page === null ? '' : `, page ${page}`;
  const label = `${oneLine(title)}${place}`.replaceAll(/[[\]\\]/g, String.raw`\$&`);
  const quote = text
    .trim()
    .slice(0, 500)
    .replaceAll(/\s*\n\s*/g, ' ');
  return `- [${marker}] [${label}](<${url}>)\n  > ${quote}`;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}
