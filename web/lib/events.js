import { useEffect, useRef, useState } from 'preact/hooks';
import { api } from './api.js';

/**
 * Events of `GET /api/events`. To these come `lost` and `connected`: what was read before that may have changed unseen, so
 * read again what you show.
 */
const NAMES = ['document', 'image', 'status', 'pull'];
const FIRST_WAIT_MS = 500;
const MOST_WAIT_MS = 15_000;

const handlers = new Set();
let source;
let connection = 'new';
let wait = FIRST_WAIT_MS;

function tell(name, data) {
  for (const handler of handlers) handler(name, data);
}

function setConnection(state) {
  if (connection === state) return;
  connection = state;
  tell(state);
}

/** One stream for the whole page, opened with the first reader. */
function open() {
  source = new EventSource('/api/events');
  for (const name of NAMES) source.addEventListener(name, ({ data }) => tell(name, JSON.parse(data)));
  source.addEventListener('open', () => {
    setConnection('connected');
  });
  source.addEventListener('error', () => {
    // The browser tries again by itself, unless it was answered with something else than events.
    source.close();
    void again();
  });
}

/** Asks first what is wrong: a key may be needed, or this key may not see the events of everything. */
async function again() {
  try {
    await api.get('/api/status');
    wait = FIRST_WAIT_MS;
  } catch (error) {
    if (error.code === 'forbidden') return;
    setConnection('lost');
    wait = Math.min(2 * wait, MOST_WAIT_MS);
  }
  setTimeout(open, wait);
}

/** Calls `handler(name, data)` for every event; returns what ends that. */
export function listen(handler) {
  handlers.add(handler);
  if (!source) open();
  return () => handlers.delete(handler);
}

/** The same while the component is there. */
export function useEvents(handler) {
  const latest = useRef(handler);
  latest.current = handler;
  useEffect(() => listen((name, data) => latest.current(name, data)), []);
}

/** `new`, `connected` or `lost`. */
export function useConnection() {
  const [state, setState] = useState(connection);
  useEvents(() => setState(connection));
  useEffect(() => setState(connection), []);
  return state;
}
