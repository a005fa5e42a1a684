import { escape } from './escape.ts';

/** Processors whose texts are Markdown. */
export const WRITES_MARKDOWN: ReadonlySet<string> = new Set(
  'html epub docx mail msg pptx xml markdown office'.split(' '),
);

/** A link or picture with its title, words between two stars, words between one. */
const MARKS =
  /!?\[([^[\]\n]{1,1000})\]\(([^\s()]{0,1000})(?: "([^"\n]{0,200})")?\)|\*\*(?! )([^*\n]{1,400})(?<! )\*\*|(?<![\w*])\*([^*\s](?:[^*\n]{0,398}[^*\s])?)\*(?![\w*])/g;

/** The links and emphasis of Markdown as HTML, everything else as it stands. */
export function withMarks(text: string): string {
  let html = '';
  let at = 0;
  for (const match of text.matchAll(MARKS)) {
    const [whole, words, target = '', title = '', strong, emphasis] = match;
    html += escape(text.slice(at, match.index));
    if (words !== undefined) html += linkHtml(words, target, title);
    else if (strong !== undefined) html += `<strong>${withMarks(strong)}</strong>`;
    else html += `<em>${withMarks(emphasis ?? '')}</em>`;
    at = match.index + whole.length;
  }
  return html + escape(text.slice(at));
}

/** Where a link leads is seen before it is followed; one that is a path leads nowhere from here. */
function linkHtml(words: string, target: string, title: string): string {
  const about = title === '' ? '' : ` title="${escape(title)}"`;
  const shown = `<span${about}>${escape(words)}</span>`;
  if (!/^(?:https?:|mailto:)/i.test(target)) return shown;
  const address = escape(target);
  return `${shown} (<a href="${address}" target="_blank" rel="noopener noreferrer nofollow">${address}</a>)`;
}
