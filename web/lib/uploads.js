import { useEffect, useState } from 'preact/hooks';
import { api, isStopped } from './api.js';
import { toast } from './ui.js';

/** Files on their way to the service. They go on while another view is looked at. */
const AT_ONCE = 3;
const MOST = 20_000;
/** Files that systems leave behind. */
const LITTER = /(?:^|\/)(?:\.|Thumbs\.db$|desktop\.ini$)/i;

const uploads = { list: [], sent: 0, collection: '' };
const watchers = new Set();
let stop = new AbortController();

const changed = () => watchers.forEach((draw) => draw());

/** `{list, sent, collection}`: what waits, goes or failed, how many went, and where they go. */
export function useUploads() {
  const [, draw] = useState(0);
  useEffect(() => {
    const watcher = () => draw((count) => count + 1);
    watchers.add(watcher);
    return () => watchers.delete(watcher);
  }, []);
  return uploads;
}

export function setCollection(name) {
  uploads.collection = name;
  changed();
}

/** Files as they were chosen; those of a chosen folder have their path in it. */
export function addFiles(files) {
  add([...files].map((file) => ({ file, path: file.webkitRelativePath || file.name })));
}

/** What was dropped: files, and folders with everything in them. */
export async function addEntries(entries) {
  const found = [];
  for (const entry of entries) await collect(entry, found);
  add(found);
}

async function collect(entry, found) {
  if (LITTER.test(entry.name) || found.length >= MOST) return;
  if (entry.isFile) {
    const file = await new Promise((resolve) => entry.file(resolve, () => resolve(null)));
    if (file) found.push({ file, path: entry.fullPath.replace(/^\//, '') });
    else toast(`${entry.name} cannot be read.`, { kind: 'bad' });
    return;
  }
  const reader = entry.createReader();
  // A reader gives a hundred at a time, and none at the end.
  for (;;) {
    const part = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (part.length === 0) return;
    for (const inner of part) await collect(inner, found);
  }
}

function add(found) {
  const files = found.filter(({ path }) => !LITTER.test(path)).slice(0, MOST);
  if (found.length > MOST)
    toast(`Only the first ${MOST} files are added; put more into the inbox folder.`, { kind: 'bad' });
  const { collection } = uploads;
  uploads.list.push(
    ...files.map(({ file, path }) => ({
      file,
      path,
      collection,
      state: 'waiting',
      progress: 0,
      message: null,
    })),
  );
  changed();
  pump();
}

export function stopUploads() {
  stop.abort();
  stop = new AbortController();
  uploads.list = uploads.list.filter(({ state }) => state === 'failed');
  uploads.sent = 0;
  changed();
}

export function retryUpload(upload) {
  Object.assign(upload, { state: 'waiting', message: null, progress: 0 });
  changed();
  pump();
}

export function dismissUpload(upload) {
  uploads.list = uploads.list.filter((one) => one !== upload);
  changed();
}

function pump() {
  const going = uploads.list.filter(({ state }) => state === 'sending').length;
  const waiting = uploads.list.filter(({ state }) => state === 'waiting');
  for (const upload of waiting.slice(0, AT_ONCE - going)) void send(upload);
  if (going === 0 && waiting.length === 0) uploads.sent = 0;
}

async function send(upload) {
  upload.state = 'sending';
  changed();
  const { signal } = stop;
  const progress = (share) => {
    upload.progress = share;
    changed();
  };
  try {
    await api.upload('/api/documents', formOf(upload), progress, { signal });
    uploads.sent += 1;
    dismissUpload(upload);
  } catch (error) {
    if (!isStopped(error)) Object.assign(upload, { state: 'failed', message: error.message });
  }
  changed();
  pump();
}

/** A file of a folder is known by its path, so that the same folder again replaces what changed. */
function formOf({ file, path, collection }) {
  const form = new FormData();
  if (collection) form.set('collection', collection);
  if (path.includes('/')) form.set('external_id', path.slice(-500));
  form.set('file', file, file.name);
  return form;
}
