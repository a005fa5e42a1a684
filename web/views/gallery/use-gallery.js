import { useEffect, useRef, useState } from 'preact/hooks';
import { api, isStopped } from '../../lib/api.js';
import { useEvents } from '../../lib/events.js';
import { isEnded, useUnderWay } from '../../lib/pictures.js';
import { toast } from '../../lib/ui.js';

/** The first screen comes quickly, and then a long list in few requests. */
const FIRST = 60;
const MORE = 200;
const NOTHING = { jobs: [], newer: [], next: null, isKnown: false, isLoading: true, error: undefined };
/** From here on down the newest are out of sight, and what comes before them would move what is looked at. */
const TOP = 300;

/** The list of what was made, in parts, with what is made meanwhile. */
export function useGallery({ kind, workflow, query }) {
  const [state, setState] = useState(NOTHING);
  const reading = useRef();
  /** Made since the reading of the list began, which may not hold it. */
  const made = useRef([]);
  const underWay = useUnderWay() ?? [];
  const fits = (job) => fitsFilter(job, { kind, workflow, query });

  function read(cursor) {
    reading.current?.abort();
    if (cursor === undefined) made.current = [];
    const { signal } = (reading.current = new AbortController());
    const limit = cursor === undefined ? FIRST : MORE;
    setState((old) => ({
      ...(cursor === undefined ? { ...NOTHING, jobs: old.jobs } : old),
      isLoading: true,
    }));
    api.get(address({ state: 'done', kind, workflow, query, limit, cursor }), { signal }).then(
      ({ data, next_cursor: next }) =>
        setState((old) => {
          const rest = { ...NOTHING, next, isKnown: true, isLoading: false };
          if (cursor !== undefined) return { ...rest, jobs: appended(old.jobs, data), newer: old.newer };
          return made.current.reduce(withNew, { ...rest, jobs: data });
        }),
      (error) => isStopped(error) || setState((old) => ({ ...old, isLoading: false, error })),
    );
  }

  useEffect(() => {
    read();
    return () => reading.current?.abort();
  }, [kind, workflow, query]);

  /** After a gap in the events: what is new goes to the front, and who has scrolled far stays there. */
  async function catchUp() {
    const before = reading.current;
    const { data, next_cursor: next } = await api.get(
      address({ state: 'done', kind, workflow, query, limit: FIRST }),
    );
    // Another filter has been chosen, or more was read.
    if (reading.current !== before) return;
    setState((old) => {
      const known = new Set(old.jobs.map(({ id }) => id));
      const isJoined = data.some(({ id }) => known.has(id));
      if (!isJoined) return { ...old, jobs: data, newer: [], next, isKnown: true };
      return data.filter(({ id }) => !known.has(id)).reduceRight(withNew, old);
    });
  }

  useEvents((name, job) => {
    if (name === 'connected') void catchUp().catch(() => {}); // the lost connection is said elsewhere
    if (name !== 'image' || !isEnded(job)) return;
    if (job.state === 'done' && fits(job)) {
      made.current.push(job);
      setState((old) => withNew(old, job));
    }
    if (job.state === 'failed' || job.state === 'lost')
      toast(`${job.workflow}: ${job.error?.message ?? 'failed'}`, { kind: 'bad' });
  });

  const isTop = useTop();
  useEffect(() => {
    if (isTop)
      setState((old) =>
        old.newer.length > 0 ? { ...old, jobs: [...old.newer, ...old.jobs], newer: [] } : old,
      );
  }, [isTop]);
  const making = useHeld(underWay.filter(fits).toReversed(), isTop);
  return {
    ...state,
    making,
    isEmpty: state.jobs.length === 0 && making.length === 0,
    reload: () => read(),
    more: () => state.next !== null && !state.isLoading && read(state.next),
    remove: (id) => {
      const without = (list) => list.filter((job) => job.id !== id);
      setState((old) => ({ ...old, jobs: without(old.jobs), newer: without(old.newer) }));
    },
  };
}

function address(query) {
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
  return `/api/images?${new URLSearchParams(pairs)}`;
}

/** Pages overlap when something is made while they are read. */
function appended(jobs, more) {
  const known = new Set(jobs.map(({ id }) => id));
  return [...jobs, ...more.filter(({ id }) => !known.has(id))];
}

/** A job that was made just now: in front while the top is in sight, else only counted. */
function withNew(state, job) {
  const { jobs, newer } = state;
  const replace = (list) => list.map((one) => (one.id === job.id ? job : one));
  if ([...jobs, ...newer].some(({ id }) => id === job.id))
    return { ...state, jobs: replace(jobs), newer: replace(newer) };
  return scrollY < TOP ? { ...state, jobs: [job, ...jobs] } : { ...state, newer: [job, ...newer] };
}

/** Whether the first of the list are in sight. */
function useTop() {
  const [isTop, setTop] = useState(true);
  useEffect(() => {
    const look = () => setTop(scrollY < TOP);
    addEventListener('scroll', look, { passive: true });
    look();
    return () => removeEventListener('scroll', look);
  }, []);
  return isTop;
}

/** The value as it was when it was let go last. */
function useHeld(value, isFree) {
  const held = useRef(value);
  if (isFree) held.current = value;
  return held.current;
}

/** The same as the service's filter, for what is made while the list is shown. */
function fitsFilter(job, { kind, workflow, query }) {
  if (workflow && job.workflow !== workflow) return false;
  // Of what is not made yet nobody knows the kind.
  if (kind && (!isEnded(job) || !job.outputs.some((output) => output.kind === kind))) return false;
  const texts = [
    job.workflow,
    ...Object.values(job.inputs).map(String),
    ...job.passages.flatMap(({ text, title }) => [text, title]),
  ];
  const all = texts.join('\n').toLowerCase();
  return query
    .toLowerCase()
    .split(/\s+/)
    .every((word) => all.includes(word));
}
