import { useEffect, useState } from 'preact/hooks';
import { html } from 'htm/preact';
import { copy } from '../../lib/copy.js';
import { linkTo } from '../../lib/router.js';
import { placeOf, viewerUrl } from '../../lib/source.js';
import { Button, Progress } from '../../lib/ui.js';
import { DocumentFigure, Picture } from './picture.js';

const WHY = {
  stopped: 'Stopped. What came so far stays.',
  broken: 'The answer broke off before it was whole. The question and what came so far are kept.',
};

/** A question, its answer as it comes, the picture beside it and the passages it is made of. */
export function Turn({ turn, talk, quote, open, onAgain }) {
  const { number, question, state, answer, sources } = turn;
  const isAsking = state === 'asking';
  const cited = citedIn(answer);
  const link = (marker) => linkTo(['ask', ...(talk.id ? [talk.id] : [])], { turn: number, source: marker });
  const chip = (marker) => {
    const source = sources[marker - 1];
    return (
      source &&
      html`<${Chip} source=${source} href=${link(marker)} quote=${quote} isOpen=${open === marker} />`
    );
  };
  return html`<article class="turn" id=${`turn-${number}`} aria-labelledby=${`question-${number}`}>
    <h2 id=${`question-${number}`} class="question">${question}</h2>
    ${turn.rewritten && html`<p class="soft small searched">Searched for “${turn.rewritten.query}”</p>`}
    ${isAsking && answer === '' && html`<div class="waits"><${Progress} label=${sources.length > 0 ? 'Writing' : 'Looking for passages'} /></div>`}
    <${Answer} text=${answer} isAsking=${isAsking} chip=${chip} />
    <${Ending} turn=${turn} onAgain=${onAgain} />
    ${turn.figure && html`<${DocumentFigure} figure=${turn.figure} />`}
    ${(turn.image || turn.job) && html`<${Picture} id=${turn.image} told=${turn.job} />`}
    ${!isAsking && cited.size > 0 && html`<${Sources} sources=${sources} cited=${cited} link=${link} quote=${quote} />`}
    ${!isAsking && html`<${Actions} turn=${turn} talk=${talk} onAgain=${onAgain} />`}
  </article>`;
}

/** Reading Markdown takes more script than the rest of the view, so that it comes when there is time, or an answer. */
let renderMarkdown;
const readMarkdown = async () => {
  ({ renderMarkdown } = await import('../../lib/markdown.js'));
};
// Not every browser tells when it has nothing to do.
(globalThis.requestIdleCallback ?? setTimeout)(() => void readMarkdown());

function Answer({ text, isAsking, chip }) {
  const [, draw] = useState(0);
  useEffect(() => {
    if (!renderMarkdown) void readMarkdown().then(() => draw(1));
  }, []);
  return html`<div
    class=${renderMarkdown ? 'answer' : 'answer plain'}
    aria-busy=${isAsking ? 'true' : undefined}
  >
    ${renderMarkdown ? renderMarkdown(text, chip) : text}
  </div>`;
}

const citedIn = (answer) =>
  new Set([...answer.matchAll(/\[(\d{1,3})\]/g)].map(([, number]) => Number(number)));

/** A number in the answer: the quote on hover and focus, the viewer beside the answer on click. */
function Chip({ source, href, quote, isOpen }) {
  const place = placeOf(source);
  return html`<a
    class="chip"
    href=${href}
    aria-label=${`Source ${source.marker}: ${source.title}${place && `, ${place}`}`}
    aria-describedby="quote"
    aria-current=${isOpen ? 'true' : undefined}
    ...${quote(source)}
    >${source.marker}</a
  >`;
}

/** Why an answer is not whole, and of how much of the documents it is made. */
function Ending({ turn, onAgain }) {
  const { state, message, index } = turn;
  if (state === 'failed' || state === 'broken')
    return html`<div class="trouble" role="alert">
      <p>${state === 'failed' ? (message ?? 'The question could not be answered.') : WHY.broken}</p>
      <${Button} onClick=${onAgain}>Ask again</${Button}>
    </div>`;
  if (state === 'stopped') return html`<p class="note">${WHY.stopped}</p>`;
  if (state === 'done' && index?.pending > 0)
    return html`<p class="note">
      ${index.pending} ${index.pending === 1 ? 'document was' : 'documents were'} still being read; asked
      again later, the answer may know more.
    </p>`;
  return null;
}

function Sources({ sources, cited, link, quote }) {
  const used = sources.filter(({ marker }) => cited.has(marker));
  const others = sources.filter(({ marker }) => !cited.has(marker));
  const item = (source) =>
    html`<li key=${source.marker}>
      <span class="chip" aria-hidden="true">${source.marker}</span>
      <a href=${link(source.marker)} ...${quote(source)} aria-describedby="quote">${source.title}</a>
      <span class="soft">${placeOf(source)}</span>
      <a
        class="away"
        href=${viewerUrl(source)}
        target="_blank"
        rel="noopener"
        aria-label=${`Open ${source.title} alone`}
        >↗</a
      >
    </li>`;
  return html`<section class="sources" aria-label="Sources">
    <ol>
      ${used.map(item)}
    </ol>
    ${
      others.length > 0 &&
      html`<details>
        <summary>
          ${others.length} more ${others.length === 1 ? 'passage was' : 'passages were'} looked at
        </summary>
        <ol>
          ${others.map(item)}
        </ol>
      </details>`
    }
  </section>`;
}

function Actions({ turn, talk, onAgain }) {
  const { number, answer, model, state } = turn;
  const address = `${location.origin}/${linkTo(['ask', talk.id ?? ''], { turn: number })}`;
  return html`<footer class="actions">
    ${answer && html`<${Button} kind="quiet" class="small" onClick=${() => copy(asText(turn))}>Copy</${Button}>`}
    ${state !== 'failed' && state !== 'broken' && html`<${Button} kind="quiet" class="small" onClick=${onAgain}>Ask again</${Button}>`}
    ${
      talk.id &&
      html`<a
        class="button quiet small"
        href=${address}
        onClick=${(event) => {
          event.preventDefault();
          void copy(address, 'The link to this answer is copied');
        }}
        >Link</a
      >`
    }
    <span class="soft small">${state === 'done' && (model ?? 'quoted passages')}</span>
  </footer>`;
}

/** The answer with what it cites below it. */
function asText({ answer, sources }) {
  const cited = citedIn(answer);
  const used = sources.filter(({ marker }) => cited.has(marker));
  const lines = used.map(
    (source) =>
      `[${source.marker}] ${[source.title, placeOf(source)].filter(Boolean).join(', ')}\n    ${source.url}`,
  );
  return [answer.trim(), ...(lines.length > 0 ? [lines.join('\n')] : [])].join('\n\n');
}
