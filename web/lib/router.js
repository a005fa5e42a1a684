import { useEffect, useMemo, useState } from 'preact/hooks';

/** The address after the `#`: `#/documents/abc?state=failed` is view `documents`, segments `['abc']` and a query. */
export function parseRoute(hash) {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const [view = '', ...segments] = path.split('/').map(decode);
  return { view: view || 'ask', segments: segments.filter(Boolean), query: new URLSearchParams(query) };
}

function decode(segment) {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment; // a link that somebody typed
  }
}

/** The link to a view: `linkTo(['documents', id], { state: 'failed' })`. Empty values are left out. */
export function linkTo(segments, query = {}) {
  const pairs = Object.entries(query).filter(
    ([, value]) => value !== undefined && value !== '' && value !== null,
  );
  const search = new URLSearchParams(pairs).toString();
  return `#/${segments.map(encodeURIComponent).join('/')}${search && `?${search}`}`;
}

/** Goes there; with `replace` the step back leads past where one was. */
export function go(segments, query, { replace = false } = {}) {
  const link = linkTo(segments, query);
  if (!replace) location.hash = link;
  else {
    history.replaceState(null, '', link);
    dispatchEvent(new HashChangeEvent('hashchange'));
  }
}

export function useRoute() {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const follow = () => setHash(location.hash);
    addEventListener('hashchange', follow);
    // It may have changed since the first look, before anybody listened.
    follow();
    return () => removeEventListener('hashchange', follow);
  }, []);
  return useMemo(() => parseRoute(hash), [hash]);
}
