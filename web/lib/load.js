import { useEffect, useRef, useState } from 'preact/hooks';
import { isStopped } from './api.js';

/**
 * What `read(signal)` gives, read again when one of `needs` changes or `reload()` is called; what was there stays until
 * the new is. An older reading is aborted, so that it never overtakes a newer one.
 */
export function useLoad(read, needs) {
  const [state, setState] = useState({ data: undefined, error: undefined, isLoading: true });
  const [round, setRound] = useState(0);
  const latest = useRef(read);
  latest.current = read;
  useEffect(() => {
    const stop = new AbortController();
    setState((old) => ({ ...old, isLoading: true }));
    latest.current(stop.signal).then(
      (data) => !stop.signal.aborted && setState({ data, error: undefined, isLoading: false }),
      (error) =>
        !isStopped(error) && !stop.signal.aborted && setState((old) => ({ ...old, error, isLoading: false })),
    );
    return () => stop.abort();
  }, [...needs, round]);
  const setData = (change) => setState((old) => ({ ...old, data: change(old.data) }));
  return { ...state, setData, reload: () => setRound((count) => count + 1) };
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
