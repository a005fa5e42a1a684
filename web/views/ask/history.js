import { useId, useState } from 'preact/hooks';
import { html } from 'htm/preact';
import { api } from '../../lib/api.js';
import { useParts, useStill } from '../../lib/load.js';
import { go, linkTo } from '../../lib/router.js';
import { Button, Pager, Time, toast, Trouble } from '../../lib/ui.js';
import { forgetTalk } from './talk.js';

/** The conversations of this key, found by their words. */
export function History({ current, onPick = () => {} }) {
  const [words, setWords] = useState('');
  const still = useStill(words, 200);
  const { data, error, isLoading, reload, isMore, more } = useParts(
    (cursor, signal) => read(still, cursor, signal),
    [still, current],
  );
  const [doomed, setDoomed] = useState(null);
  const field = useId();
  async function remove(conversation) {
    try {
      await api.delete(`/api/conversations/${conversation.id}`);
      forgetTalk(conversation.id);
      reload();
      if (conversation.id === current) go(['ask']);
    } catch (failure) {
      toast(failure.message, { kind: 'bad' });
    }
  }

  return html`<div class="history">
    <a class="button" href=${linkTo(['ask'])} onClick=${onPick}>New question</a>
    <label class="unseen" for=${field}>Search conversations</label>
    <input
      id=${field}
      type="search"
      placeholder="Search"
      value=${words}
      onInput=${(event) => setWords(event.currentTarget.value)}
    />
    ${error && html`<${Trouble} error=${error} onRetry=${reload} />`}
    <ul aria-busy=${isLoading ? 'true' : undefined}>
      ${data?.data.map(
        (one) =>
          html`<li key=${one.id}>
            <a
              href=${linkTo(['ask', one.id])}
              aria-current=${one.id === current ? 'page' : undefined}
              onClick=${onPick}
            >
              <span>${one.title}</span>
              <span class="soft small"><${Time} at=${one.updated_at} /></span>
            </a>
            ${
              doomed === one.id
                ? html`<${Button}
                    kind="danger"
                    class="small"
                    onBlur=${() => setDoomed(null)}
                    onClick=${() => remove(one)}
                    >Delete</${Button}
                  >`
                : html`<${Button}
                    kind="quiet"
                    class="icon"
                    aria-label=${`Delete “${one.title}”`}
                    onClick=${() => setDoomed(one.id)}
                    >×</${Button}
                  >`
            }
          </li>`,
      )}
    </ul>
    ${data?.data.length === 0 && html`<p class="soft small">${still ? 'No conversation has these words.' : 'What you ask is kept here.'}</p>`}
    <${Pager} next=${data?.next_cursor} busy=${isMore} onMore=${more} />
  </div>`;
}

const read = (words, cursor, signal) => {
  const query = new URLSearchParams({ limit: '30', ...(words && { q: words }), ...(cursor && { cursor }) });
  return api.get(`/api/conversations?${query}`, { signal });
};
