import { useEffect, useRef, useState } from 'preact/hooks';
import { html } from 'htm/preact';
import { api } from './api.js';
import { useEvents } from './events.js';
import { useLoad } from './load.js';

const UNDER_WAY = ['running', 'cancelling', 'waiting'];
const ENDED = new Set(['done', 'failed', 'cancelled', 'lost']);
/** Ids of files are SHA-256 in hexadecimal. */
const FILE_ID = /^[0-9a-f]{64}$/;

export const isEnded = ({ state }) => ENDED.has(state);
export const isFile = (value) => typeof value === 'string' && FILE_ID.test(value);
export const fileUrl = (id, size) => `/media/${id}${size ? `?size=${size}` : ''}`;

/** What a picture was asked to show: its prompt, else the longest text that it was given, else its workflow. */
export function promptOf({ inputs, workflow }) {
  if (typeof inputs.prompt === 'string' && inputs.prompt !== '') return inputs.prompt;
  const texts = Object.values(inputs).filter((one) => typeof one === 'string' && !isFile(one));
  return texts.toSorted((one, other) => other.length - one.length)[0] || workflow;
}

/** Kinds of files as people call them. */
export const KINDS = {
  image: 'Pictures',
  animation: 'Animations',
  video: 'Videos',
  audio: 'Sound',
  text: 'Text',
  file: 'Other files',
};
export const GLYPHS = { image: '▧', animation: '▧', video: '▶', audio: '♪', text: '¶', file: '⤓' };

/** Every workflow with its inputs; `byName` is a Map. */
export function useWorkflows() {
  const { data, ...rest } = useLoad((signal) => api.get('/api/workflows', { signal }), []);
  return { workflows: data?.data, byName: new Map(data?.data.map((one) => [one.name, one])), ...rest };
}

/** Jobs that wait or run, the running ones first, kept up to date; undefined before they are known. */
export function useUnderWay() {
  const { data, error, setData, reload } = useLoad(readUnderWay, []);
  useEvents((name, job) => {
    if (name === 'connected') reload();
    if (name === 'image') setData((jobs) => withJob(jobs ?? [], job));
  });
  // Who may not see pictures is told so by the view.
  return data ?? (error && []);
}

async function readUnderWay(signal) {
  const lists = await Promise.all(
    UNDER_WAY.map((state) => api.get(`/api/images?state=${state}&limit=200`, { signal })),
  );
  return lists.flatMap(({ data }) => data.toReversed());
}

function withJob(jobs, job) {
  const others = jobs.filter(({ id }) => id !== job.id);
  if (isEnded(job)) return others;
  const merged = jobs.some(({ id }) => id === job.id)
    ? jobs.map((one) => (one.id === job.id ? job : one))
    : [...jobs, job];
  return merged.toSorted((one, other) => UNDER_WAY.indexOf(one.state) - UNDER_WAY.indexOf(other.state));
}

/**
 * One job as it is now, whatever becomes of it; `told` is what was said of it last, by whoever began it. It is asked for
 * all the same, because it may have ended before anybody listened.
 */
export function useJob(id, told) {
  const { data, error, setData, reload } = useLoad(
    async (signal) => (id && !(told && isEnded(told)) ? api.get(`/api/images/${id}`, { signal }) : told),
    [id],
  );
  const put = (job) => setData((known) => (known && isEnded(known) && !isEnded(job) ? known : job));
  const before = useRef(told);
  useEffect(() => {
    // What was told at the beginning may be older than what is read.
    if (told && told !== before.current) put(told);
    before.current = told;
  }, [told]);
  useEvents((name, job) => {
    if (name === 'image' && job.id === id) put(job);
    if (name === 'connected') reload();
  });
  return data ?? told ?? (error && { state: 'lost', error });
}

/** What a job looks like while it is made; nothing where its worker shows nothing. */
export function Preview({ job }) {
  const [hasPreview, setHasPreview] = useState(true);
  const at = Math.round(job.progress * 100);
  useEffect(() => setHasPreview(true), [at]);
  if (job.state !== 'running' || at === 0 || !hasPreview) return null;
  return html`<img
    class="preview"
    src=${`/api/images/${encodeURIComponent(job.id)}/preview?at=${at}`}
    alt=""
    onError=${() => setHasPreview(false)}
  />`;
}

/** A file that was made, as it is seen or heard. */
export function Media({ output, alt }) {
  const { url, kind, name } = output;
  if (kind === 'image' || kind === 'animation') return html`<img src=${url} alt=${alt} />`;
  if (kind === 'video')
    return html`<video src=${url} aria-label=${alt} controls loop playsinline preload="metadata"></video>`;
  if (kind === 'audio') return html`<audio src=${url} aria-label=${alt} controls preload="metadata"></audio>`;
  if (kind === 'text') return html`<${Written} url=${url} />`;
  return html`<a class="button" href=${url} download=${name}>${name}</a>`;
}

function Written({ url }) {
  const { data, error } = useLoad((signal) => api.text(url, { signal }), [url]);
  return html`<pre class="written" tabindex="0">${error ? error.message : (data ?? '')}</pre>`;
}
