import { useEffect, useState } from 'preact/hooks';
import { api, isStopped, stream } from '../../lib/api.js';
import { listen } from '../../lib/events.js';

const DRAW_MS = 40;

/** Conversations that were opened, by their id. An answer goes on while another view is looked at. */
const open = new Map();

/** What a turn has before anything came; the names are those of `POST /api/conversations/:id/turns`. */
const newTurn = (number, question, { collection, model }) => ({
  number,
  question,
  state: 'asking',
  answer: '',
  message: null,
  model: null,
  collection: collection || null,
  sources: [],
  annotations: [],
  image: null,
  figure: null,
  // These are shown and not kept.
  index: null,
  rewritten: null,
  job: null,
  asked: { collection, model },
});

const KEPT = Object.keys(newTurn(1, '', {})).filter(
  (name) => !['index', 'rewritten', 'job', 'asked'].includes(name),
);

/** The conversation of this id; without one a new one, which gets its id with its first question. */
export function openTalk(id) {
  const known = id && open.get(id);
  if (known) return known;
  const talk = createTalk(id);
  if (id) open.set(id, talk);
  return talk;
}

export const forgetTalk = (id) => open.delete(id);

/** Draws again whenever something of the conversation changes. */
export function useTalk(talk) {
  const [, draw] = useState(0);
  useEffect(() => {
    talk.watch(() => draw((count) => count + 1));
    void talk.load();
    return () => talk.watch(null);
  }, [talk]);
  return talk;
}

function createTalk(id) {
  const talk = { id, title: '', turns: [], state: id ? 'loading' : 'ready', error: null };
  const unkept = new Set();
  let draw = null;
  let underway = null;
  let keeping = Promise.resolve();
  let later;
  /** Words come faster than they can be read. */
  const changed = () => {
    later ??= setTimeout(() => {
      later = undefined;
      draw?.();
    }, DRAW_MS);
  };

  /** One after the other, so that an older state of a turn never replaces a newer one. */
  function keep(turn) {
    if (!talk.id) return;
    const body = Object.fromEntries(KEPT.map((name) => [name, turn[name]]));
    keeping = send(keeping, turn, body);
  }
  async function send(before, turn, body) {
    await before;
    try {
      await api.post(`/api/conversations/${talk.id}/turns`, body);
      unkept.delete(turn);
    } catch (error) {
      // What is not kept now is kept when the service is back; refused is refused.
      if (error.status === 0) unkept.add(turn);
    }
  }
  listen((name) => name === 'connected' && [...unkept].forEach(keep));

  async function begin(question) {
    talk.title = question.replace(/\s+/g, ' ').trim().slice(0, 100);
    try {
      ({ id: talk.id } = await api.post('/api/conversations', { title: talk.title }));
      open.set(talk.id, talk);
    } catch (error) {
      talk.error = error;
    }
  }

  function take(turn, name, data) {
    if (name === 'sources') {
      const { sources, model, index, rewritten } = data;
      Object.assign(turn, { sources, model, index, rewritten });
    }
    if (name === 'text') turn.answer += data.text;
    if (name === 'answer')
      Object.assign(turn, {
        answer: data.answer,
        annotations: data.annotations,
        model: data.model,
        state: 'done',
      });
    if (name === 'illustration') illustrate(turn, data);
    if (name === 'error') Object.assign(turn, { state: 'failed', message: data.error.message });
    if (name === 'answer' || name === 'illustration') keep(turn);
    changed();
  }

  function history(before) {
    return talk.turns
      .filter(({ number, answer }) => number < before && answer.trim() !== '')
      .flatMap(({ question, answer }) => [
        { role: 'user', content: question },
        { role: 'assistant', content: answer },
      ]);
  }

  async function answer(turn, wish) {
    const stop = new AbortController();
    underway = stop;
    changed();
    if (!talk.id) await begin(turn.question);
    keep(turn);
    const { collection, model } = turn.asked;
    const body = {
      question: turn.question,
      stream: true,
      history: history(turn.number),
      ...(collection && { collection }),
      ...(model && { model }),
      ...(wish.illustrate && { illustrate: true }),
    };
    try {
      await stream('/api/ask', body, {
        signal: stop.signal,
        onEvent: (name, data) => take(turn, name, data),
      });
      if (turn.state === 'asking') turn.state = 'broken';
    } catch (error) {
      // A picture that comes late is told by the events, and the answer is whole without it.
      if (turn.state === 'asking') Object.assign(turn, endOf(error));
    } finally {
      if (underway === stop) underway = null;
      keep(turn);
      changed();
    }
  }

  return Object.assign(talk, {
    watch: (listener) => (draw = listener),
    isBusy: () => underway !== null,
    stop: () => underway?.abort(),

    async load() {
      if (talk.state !== 'loading') return;
      try {
        const { title, turns } = await api.get(`/api/conversations/${talk.id}`);
        Object.assign(talk, { title, state: 'ready', turns: turns.map(asLeft) });
      } catch (error) {
        Object.assign(talk, { error, state: 'missing' });
      }
      changed();
    },

    ask(question, wish) {
      const turn = newTurn((talk.turns.at(-1)?.number ?? 0) + 1, question, wish);
      talk.turns.push(turn);
      return answer(turn, wish);
    },

    /** The last question in its own place, an earlier one as a new question. */
    again(turn, wish) {
      if (turn !== talk.turns.at(-1)) return talk.ask(turn.question, wish);
      const next = newTurn(turn.number, turn.question, wish);
      talk.turns[talk.turns.length - 1] = next;
      return answer(next, wish);
    },
  });
}

function illustrate(turn, data) {
  if (data.figure) turn.figure = data.figure;
  else if (data.error) turn.job = { state: 'failed', error: data.error };
  else Object.assign(turn, { image: data.id, job: data });
}

/** A kept turn as it is shown: whoever asked while it was `asking` has left meanwhile. */
function asLeft(turn) {
  const state = turn.state === 'asking' ? 'broken' : turn.state;
  return Object.assign(turn, { state, asked: { collection: turn.collection ?? '', model: '' } });
}

function endOf(error) {
  if (isStopped(error)) return { state: 'stopped', message: null };
  if (error.status === 0) return { state: 'broken', message: error.message };
  return { state: 'failed', message: error.message };
}
