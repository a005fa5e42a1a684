import { createParser } from 'eventsource-parser';

/** What the service said when it refused or failed; `unreachable` and status 0 when it said nothing. */
export class ApiError extends Error {
  constructor({ code, message, status, param = null }) {
    super(message);
    Object.assign(this, { name: 'ApiError', code, status, param });
  }
}

const listeners = new Set();
let login;

/** Calls `show(done)` when a key is needed; requests wait until `done` is called, and are sent again. */
export function onLoginNeeded(show) {
  listeners.add(show);
  return () => listeners.delete(show);
}

function loggedIn() {
  login ??= new Promise((resolve) => {
    for (const show of listeners)
      show(() => {
        login = undefined;
        resolve();
      });
  });
  return login;
}

/** Sends the key once, for a session that a cookie keeps. */
export async function logIn(key) {
  const response = await send('/login', { method: 'POST', ...json({ key }) });
  if (!response.ok) throw await errorOf(response);
}

const json = (body) => ({ headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

async function send(path, options) {
  try {
    return await fetch(path, options);
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new ApiError({ code: 'unreachable', message: 'The service cannot be reached.', status: 0 });
  }
}

async function request(path, options) {
  for (;;) {
    const response = await send(path, options);
    if (response.ok) return response;
    if (response.status !== 401) throw await errorOf(response);
    await loggedIn();
  }
}

async function errorOf(response) {
  const { error } = await response.json().catch(() => ({}));
  const message = error?.message ?? `The service answered ${response.status}.`;
  return new ApiError({ code: 'internal', ...error, message, status: response.status });
}

async function read(response) {
  return response.status === 204 ? null : response.json();
}

/** Every call answers the body as an object, throws ApiError, and throws AbortError when its signal says so. */
export const api = {
  get: async (path, { signal } = {}) => read(await request(path, { signal })),
  text: async (path, { signal } = {}) => (await request(path, { signal })).text(),
  post: async (path, body = {}, { signal } = {}) =>
    read(await request(path, { method: 'POST', signal, ...json(body) })),
  patch: async (path, body) => read(await request(path, { method: 'PATCH', ...json(body) })),
  delete: async (path) => read(await request(path, { method: 'DELETE' })),
  upload,
};

/** Sends a form; `onProgress` gets what share of it is sent, 0 to 1. fetch cannot say that. */
async function upload(path, form, onProgress = () => {}, { signal } = {}) {
  for (;;) {
    const answer = await uploadOnce(path, form, onProgress, signal);
    if (answer.ok) return answer.body;
    if (answer.status !== 401)
      throw new ApiError({
        code: 'internal',
        message: `The service answered ${answer.status}.`,
        ...answer.body?.error,
        status: answer.status,
      });
    await loggedIn();
  }
}

function uploadOnce(path, form, onProgress, signal) {
  return new Promise((resolve, reject) => {
    const sending = new XMLHttpRequest();
    sending.open('POST', path);
    sending.responseType = 'json';
    sending.upload.addEventListener('progress', ({ loaded, total }) =>
      onProgress(total > 0 ? loaded / total : 0),
    );
    sending.addEventListener('load', () => {
      const { status, response: body } = sending;
      resolve({ ok: status >= 200 && status < 300, status, body });
    });
    sending.addEventListener('error', () =>
      reject(new ApiError({ code: 'unreachable', message: 'The service cannot be reached.', status: 0 })),
    );
    sending.addEventListener('abort', () => reject(new DOMException('Stopped', 'AbortError')));
    signal?.addEventListener('abort', () => sending.abort(), { once: true });
    sending.send(form);
  });
}

/**
 * Posts `body` and calls `onEvent(name, data)` for each event of the answer, until it ends. An answer that breaks off
 * throws `unreachable`; one that ends early without a word is the caller's to notice.
 */
export async function stream(path, body, { signal, onEvent }) {
  const response = await request(path, { method: 'POST', signal, ...json(body) });
  const parser = createParser({
    onEvent: ({ event, data }) => data !== '[DONE]' && onEvent(event ?? 'message', JSON.parse(data)),
  });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read().catch((error) => {
      if (signal?.aborted) throw error;
      throw new ApiError({
        code: 'unreachable',
        message: 'The connection to the service broke off.',
        status: 0,
      });
    });
    if (done) return;
    parser.feed(value);
  }
}

/** Whether somebody stopped it, which is no failure. */
export const isStopped = (error) => error?.name === 'AbortError';
