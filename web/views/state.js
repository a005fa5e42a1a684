import { html } from 'htm/preact';
import { linkTo } from '../lib/router.js';
import { Health } from './state/health.js';
import { Keys } from './state/keys.js';
import { Models } from './state/models.js';
import { Questions } from './state/questions.js';
import { Settings } from './state/settings.js';

const PARTS = {
  health: { label: 'Health', Part: Health },
  models: { label: 'Models', Part: Models },
  questions: { label: 'Questions', Part: Questions },
  keys: { label: 'Keys', Part: Keys },
  settings: { label: 'Settings', Part: Settings },
};

/** How the service is, in parts: `#/state`, `#/state/models`, ... */
export default function View({ route }) {
  const [name = 'health'] = route.segments;
  const { Part } = PARTS[name] ?? PARTS.health;
  return html`<div class="page state">
    <header><h1>State</h1></header>
    <nav class="parts" aria-label="Parts of the state">
      ${Object.entries(PARTS).map(
        ([part, { label }]) =>
          html`<a href=${linkTo(['state', part])} aria-current=${part === name ? 'page' : undefined}
            >${label}</a
          >`,
      )}
    </nav>
    <${Part} />
  </div>`;
}
