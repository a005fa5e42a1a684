import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { html } from 'htm/preact';
import { linkTo, go } from '../lib/router.js';
import { HowToAdd } from '../lib/status.js';
import { Quote, useQuote, ViewerPane } from '../lib/source.js';
import { Button, Dialog, Empty, Trouble } from '../lib/ui.js';
import { Composer } from './ask/composer.js';
import { History } from './ask/history.js';
import { openTalk, useTalk } from './ask/talk.js';
import { Turn } from './ask/turn.js';

/** `#/ask` begins a conversation, `#/ask/<id>` goes on with one; `?turn=2` is an answer, `&source=3` its open source. */
export default function Ask({ route }) {
  const [id] = route.segments;
  const latest = useRef(null);
  // A conversation that just got its id is the same one.
  const talk = useTalk(
    useMemo(() => (id && latest.current?.id === id ? latest.current : openTalk(id)), [id]),
  );
  latest.current = talk;
  const [wish, setWish] = useWish();
  const { quote, handlers } = useQuote();
  const source = sourceOf(talk, route.query);
  const place = (query) => [['ask', ...(talk.id ? [talk.id] : [])], query];
  const close = useCallback(() => go(...place({ turn: route.query.get('turn') })), [talk, route]);

  // With its first question a conversation gets its address.
  useEffect(() => {
    if (talk.id && !id) go(['ask', talk.id], {}, { replace: true });
  }, [talk.id]);

  return html`<div class=${`ask ${source ? 'viewing' : ''}`}>
    <aside class="rail" aria-label="Conversations"><${History} current=${talk.id} /></aside>
    <div class="talk">
      <${Head} talk=${talk} />
      <${Turns} talk=${talk} route=${route} wish=${wish} quote=${handlers} />
      <${Composer}
        talk=${talk}
        wish=${wish}
        onWish=${setWish}
        onAsk=${(question) => void talk.ask(question, wish)}
      />
    </div>
    ${source && html`<${ViewerPane} source=${source} onClose=${close} />`}
    <${Quote} quote=${quote} />
  </div>`;
}

function sourceOf(talk, query) {
  const turn = talk.turns.find(({ number }) => String(number) === query.get('turn'));
  return turn?.sources.find(({ marker }) => String(marker) === query.get('source'));
}

const WISH = { collection: '', model: '', illustrate: false };

/** What is asked, of which model, and whether a picture is wanted; the browser remembers it. */
function useWish() {
  const [wish, setWish] = useState(() => {
    try {
      return { ...WISH, ...JSON.parse(localStorage.getItem('wish') ?? '{}') };
    } catch {
      return WISH; // what is stored is not ours, or nothing may be stored
    }
  });
  useEffect(() => {
    try {
      localStorage.setItem('wish', JSON.stringify(wish));
    } catch {
      // Then it is not remembered.
    }
  }, [wish]);
  return [wish, setWish];
}

function Head({ talk }) {
  const [isListed, setListed] = useState(false);
  return html`<header class="talk-head">
    <${Button} class="small to-history" kind="quiet" onClick=${() => setListed(true)}
      >Conversations</${Button}
    >
    <h1 class="unseen">${talk.title || 'Ask your documents'}</h1>
    ${talk.id && html`<a class="button quiet small" href=${`/api/conversations/${talk.id}/export`} download>Export</a>`}
    ${talk.turns.length > 0 && html`<a class="button quiet small" href=${linkTo(['ask'])}>New</a>`}
    ${
      isListed &&
      html`<${Dialog} title="Conversations" onClose=${() => setListed(false)}>
        <${History} current=${talk.id} onPick=${() => setListed(false)} />
      </${Dialog}>`
    }
  </header>`;
}

function Turns({ talk, route, wish, quote }) {
  const end = useRef();
  const wanted = route.query.get('turn');
  const last = talk.turns.at(-1);
  useEffect(() => {
    if (wanted && !route.query.get('source')) document.getElementById(`turn-${wanted}`)?.scrollIntoView();
  }, [talk.state, wanted]);
  // A new question comes into sight; what follows is read, and not scrolled away.
  useEffect(() => {
    if (last?.state === 'asking') end.current.scrollIntoView({ block: 'end' });
  }, [last]);
  if (talk.state === 'missing') return html`<div class="turns"><${Trouble} error=${talk.error} /></div>`;
  if (talk.turns.length === 0)
    return html`<div class="turns">
      ${
        talk.state === 'ready' &&
        html`<${Empty} title="What would you like to know?">
          <p>Every answer names the passages it comes from; a number opens the page with the words marked.</p>
          <${HowToAdd} />
        </${Empty}>`
      }
    </div>`;
  return html`<div class="turns">
    ${talk.error && html`<p class="note">This conversation is not kept: ${talk.error.message}</p>`}
    ${talk.turns.map(
      (turn) =>
        html`<${Turn}
          key=${turn.number}
          turn=${turn}
          talk=${talk}
          quote=${quote}
          open=${String(turn.number) === wanted ? Number(route.query.get('source')) : 0}
          onAgain=${() => void talk.again(turn, wish)}
        />`,
    )}
    <div ref=${end} class="end"></div>
  </div>`;
}
