import { html } from 'htm/preact';
import { Detail } from './documents/detail.js';
import { Ledger } from './documents/ledger.js';

/** `#/documents?state&collection&q` is the ledger, `#/documents/<id>?view` one document. */
export default function Documents({ route }) {
  const [id] = route.segments;
  return id ? html`<${Detail} key=${id} id=${id} route=${route} />` : html`<${Ledger} route=${route} />`;
}
