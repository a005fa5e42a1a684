import { render } from 'preact';
import { useEffect, useErrorBoundary, useRef, useState } from 'preact/hooks';
import { html } from 'htm/preact';
import { onLoginNeeded } from './lib/api.js';
import { DropZone } from './lib/drop.js';
import { useConnection } from './lib/events.js';
import { Login } from './lib/login.js';
import { linkTo, useRoute } from './lib/router.js';
import { Coverage } from './lib/status.js';
import { Button, Empty, Toasts } from './lib/ui.js';

/** The views in the order of the bar; each is web/views/<name>.js with web/styles/<name>.css. */
const VIEWS = [
  { name: 'ask', label: 'Ask' },
  { name: 'documents', label: 'Documents' },
  { name: 'search', label: 'Search' },
  { name: 'gallery', label: 'Gallery' },
  { name: 'workflows', label: 'Workflows' },
  { name: 'state', label: 'State' },
];
const loaded = new Map();

/** A view with its styles, fetched once and when it is first needed. */
function loadView(name) {
  const known = loaded.get(name);
  if (known) return known;
  const view = Promise.all([import(`./views/${name}.js`), loadStyle(`/web/styles/${name}.css`)]).then(
    ([module]) => module.default,
  );
  loaded.set(name, view);
  // The next try asks again.
  view.catch(() => loaded.delete(name));
  return view;
}

function loadStyle(href) {
  return new Promise((resolve, reject) => {
    const link = Object.assign(document.createElement('link'), { rel: 'stylesheet', href });
    link.addEventListener('load', resolve, { once: true });
    link.addEventListener('error', () => reject(new Error(`${href} cannot be loaded`)), { once: true });
    document.head.append(link);
  });
}

function App() {
  const route = useRoute();
  const view = VIEWS.find(({ name }) => name === route.view) ?? VIEWS[0];
  const [login, setLogin] = useState(null);
  useEffect(() => onLoginNeeded((done) => setLogin(() => done)), []);
  const nav = useRef();
  // On a phone the names of the views do not all fit beside one another.
  useEffect(() => {
    const { offsetLeft, offsetWidth } = nav.current.querySelector('[aria-current]');
    nav.current.scrollLeft = offsetLeft + offsetWidth / 2 - nav.current.clientWidth / 2;
  }, [view.name]);
  const loggedIn = () => {
    login();
    setLogin(null);
  };
  return html`
    <a class="skip" href="#main" onClick=${skipToMain}>To the content</a>
    <header class="bar">
      <a class="brand" href=${linkTo(['ask'])}>Limner</a>
      <nav ref=${nav} aria-label="Views">
        ${VIEWS.map(
          ({ name, label }) =>
            html`<a href=${linkTo([name])} aria-current=${name === view.name ? 'page' : undefined}
              >${label}</a
            >`,
        )}
      </nav>
      <${Coverage} />
    </header>
    <${Connection} />
    <main id="main" tabindex="-1">
      <div hidden=${login !== null}>
        <${View} key=${view.name} name=${view.name} label=${view.label} route=${route} />
      </div>
      ${login && html`<${Login} onDone=${loggedIn} />`}
    </main>
    <${DropZone} />
    <${Toasts} />
  `;
}

/** The address is the route's, so the link must not change it. */
function skipToMain(event) {
  event.preventDefault();
  document.getElementById('main').focus();
}

function View({ name, label, route }) {
  const [shown, setShown] = useState({});
  const [tries, setTries] = useState(0);
  const [fault, forget] = useErrorBoundary((error) => console.error(error));
  useEffect(() => {
    document.title = `${label} · Limner`;
    let isWanted = true;
    loadView(name).then(
      (component) => isWanted && setShown({ component }),
      () => isWanted && setShown({ isMissing: true }),
    );
    return () => (isWanted = false);
  }, [name, tries]);
  // For bench/page.ts: when there is something to look at.
  useEffect(() => void (shown.component && performance.mark('view')), [shown.component]);
  if (fault)
    return html`<div class="page">
      <${Empty} title="This view failed.">
        <p>That is a fault of the page; the documents are as they were.</p>
        <${Button} onClick=${forget}>Show it again</${Button}>
      </${Empty}>
    </div>`;
  if (shown.component) return html`<${shown.component} route=${route} />`;
  if (!shown.isMissing) return html`<div class="page" aria-busy="true"></div>`;
  return html`<div class="page">
    <${Empty} title="This view could not be loaded.">
      <${Button} onClick=${() => setTries(tries + 1)}>Try again</${Button}>
    </${Empty}>
  </div>`;
}

/** Says that the service is gone, and that it is back; a blink of it is not worth a word. */
function Connection() {
  const state = useConnection();
  const [isShown, setShown] = useState(false);
  const timer = useRef();
  useEffect(() => {
    clearTimeout(timer.current);
    if (state === 'lost') timer.current = setTimeout(() => setShown(true), 700);
    else setShown(false);
    return () => clearTimeout(timer.current);
  }, [state]);
  return html`<div class="connection" role="status">
    ${isShown && html`<p>The service cannot be reached. This page tries again by itself.</p>`}
  </div>`;
}

const root = document.getElementById('app');
root.replaceChildren();
render(html`<${App} />`, root);
