import { useEffect, useRef, useState } from 'preact/hooks';
import { isStopped } from './api.js';
import { toast } from './ui.js';

/**
 * What `read(signal)` gives, read again when one of `needs` changes or `reload()` is called; what was there stays until
 * the new is. An older reading is aborted, so that it never overtakes a newer one; a change that is made by `setData`
 * while a reading is under way is made once more on what comes, which may have been read before it.
 */
export function useLoad(read, needs) {
  const [state, setState] = useState({ data: undefined, error: undefined, isLoading: true });
  const [round, setRound] = useState(0);
  const latest = useRef(read);
  latest.current = read;
  /** Changes since the reading began; null while there is none. */
  const meanwhile = useRef(null);
  async function load(signal) {
    try {
      const found = await latest.current(signal);
      if (signal.aborted) return;
      const data = meanwhile.current.reduce((old, change) => change(old), found);
      meanwhile.current = null;
      setState({ data, error: undefined, isLoading: false });
    } catch (error) {
      if (!isStopped(error) && !signal.aborted) setState((old) => ({ ...old, error, isLoading: false }));
    }
  }
  useEffect(() => {
    const stop = new AbortController();
    meanwhile.current = [];
    setState((old) => ({ ...old, isLoading: true }));
    void load(stop.signal);
    return () => stop.abort();
  }, [...needs, round]);
  const setData = (change) => {
    meanwhile.current?.push(change);
    setState((old) => ({ ...old, data: change(old.data) }));
  };
  return { ...state, setData, reload: () => setRound((count) => count + 1) };
}

/**
 * A list that comes in parts: `read(cursor, signal)` gives `{data, next_cursor}`, first without a cursor; `joined` puts a
 * next part to what is there.
 */
export function useParts(read, needs, joined = (old, next) => [...old, ...next]) {
  const first = useLoad((signal) => read('', signal), needs);
  const [isMore, setMore] = useState(false);
  const key = JSON.stringify(needs);
  const latest = useRef(key);
  latest.current = key;
  async function more() {
    setMore(true);
    try {
      const next = await read(first.data.next_cursor);
      // Unless another list has been chosen meanwhile.
      if (latest.current === key) first.setData((old) => ({ ...next, data: joined(old.data, next.data) }));
    } catch (error) {
      toast(error.message, { kind: 'bad' });
    }
    setMore(false);
  }
  return { ...first, isMore, more };
}

/** The value as it was when it had been still for `ms`. */
export function useStill(value, ms) {
  const [still, setStill] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setStill(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return still;
}
