import { html } from 'htm/preact';
import { Progress, Tag } from '../../lib/ui.js';
import { Card } from './card.js';
import { percent } from './units.js';

/** What people call each kind of server. */
export const NAMES = {
  ollama: 'Ollama',
  chat_server: 'Server that writes answers',
  embed_server: 'Server of meaning',
  comfyui: 'ComfyUI',
  automatic1111: 'AUTOMATIC1111',
};

const ADVICE = {
  ollama:
    'Start it there with “ollama serve”, or set OLLAMA_HOST. Until then keywords find, and answers are quotes.',
  chat_server: 'Start it, or look at LIMNER_CHAT_URL and LIMNER_CHAT_KEY. Until then answers are quotes.',
  embed_server: 'Start it, or look at LIMNER_EMBED_URL and LIMNER_EMBED_KEY. Until then keywords find.',
  comfyui: 'Start it there, or look at COMFYUI_URL. Pictures wait until then.',
  automatic1111: 'Start it there with --api, or look at AUTOMATIC1111_URL. Pictures wait until then.',
  qdrant: 'Start it, or look at QDRANT_URL and QDRANT_API_KEY. Files wait, and searches fail, until then.',
};

/** Each server that Limner works with, and what to do where one is away. */
export function Servers({ servers, store }) {
  const all = Object.entries(servers).flatMap(([kind, state]) =>
    // Servers of pictures are of two kinds.
    [state].flat().map((server) => ({ kind: kind === 'comfyui' ? server.kind : kind, server })),
  );
  const hasPainter = servers.comfyui.length > 0;
  return html`<${Card} title="Servers">
    <ul class="rows">
      ${all.map(({ kind, server }) => html`<${Server} key=${`${kind} ${server.url}`} kind=${kind} server=${server} />`)}
      ${
        !hasPainter &&
        html`<li>
          <p class="row"><span class="name">Picture server</span><${Tag}>not set</${Tag}></p>
          <p class="small soft">Set COMFYUI_URL or AUTOMATIC1111_URL to have pictures made.</p>
        </li>`
      }
      <${Store} store=${store} />
    </ul>
  </${Card}>`;
}

/** Where the passages and their vectors are. */
function Store({ store: { kind, state, url, version, collection, message } }) {
  const isReady = state === 'ready';
  return html`<li>
    <p class="row">
      <span class="name">
        ${kind === 'qdrant' ? 'Qdrant' : 'Store of the passages'} <span class="soft small">${version}</span>
      </span>
      <${Tag} kind=${isReady ? 'good' : 'bad'}>${isReady ? 'there' : 'away'}</${Tag}>
    </p>
    <p class="small soft">${url ? `${url}, collection ${collection}` : 'In this process.'}</p>
    ${message && html`<p class="small">${message}</p>`}
    ${!isReady && html`<p class="small soft">${ADVICE[kind]}</p>`}
  </li>`;
}

function Server({ kind, server }) {
  const { url, reachable, version, message, stuck } = server;
  const models = [server.embed, server.chat].filter((model) => model && model.state !== 'unused');
  return html`<li>
    <p class="row">
      <span class="name">${NAMES[kind] ?? kind} <span class="soft small">${version}</span></span>
      <${Tag} kind=${reachable && !stuck ? 'good' : 'bad'}
        >${reachable ? (stuck ? 'stuck' : 'there') : 'away'}</${Tag}
      >
    </p>
    <p class="small soft">${url}</p>
    ${stuck && html`<p class="small wrong">It neither ends a run nor stops it: start it again.</p>`}
    ${
      !reachable &&
      html`<p class="small">${message ?? models.find((model) => model.message)?.message}</p>
        <p class="small soft">${ADVICE[kind]}</p>`
    }
    ${
      reachable &&
      models.map(
        (model) =>
          html`<p class="row small"><span>${model.name}</span><${ModelState} model=${model} /></p>
            ${model.state === 'pulling' && html`<${Progress} value=${model.progress} label=${`Pulling ${model.name}`} />`}
            ${model.state === 'failed' && html`<p class="small wrong">${model.message}</p>`}`,
      )
    }
  </li>`;
}

const KINDS = { ready: 'good', failed: 'bad', unreachable: 'bad', missing: 'bad', pulling: 'busy' };

/** Whether a model can be used. */
export function ModelState({ model: { state, progress = 0 } }) {
  const words =
    state === 'pulling' ? `pulling, ${percent(progress)}` : state === 'unreachable' ? 'away' : state;
  return html`<${Tag} kind=${KINDS[state]}>${words}</${Tag}>`;
}
