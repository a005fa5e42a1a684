import { useEffect } from 'preact/hooks';
import { useLoad } from '../../lib/load.js';
import { api } from '../../lib/api.js';

const EVERY_MS = 5000;

/** What a route says, asked again every few seconds while somebody looks. */
export function useOften(path, ms = EVERY_MS) {
  const read = useLoad((signal) => api.get(path, { signal }), [path]);
  useEffect(() => {
    const timer = setInterval(() => document.visibilityState === 'visible' && read.reload(), ms);
    return () => clearInterval(timer);
  }, [path, ms]);
  return read;
}
