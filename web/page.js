import { messageOf, readEvents } from './events.js';

/** Everything that comes from documents or models is set as text, never as HTML. */
const element = (id) => document.getElementById(id);
let asking;

element('ask').addEventListener('submit', (event) => {
  event.preventDefault();
  void ask(element('question').value);
});
element('stop').addEventListener('click', () => asking?.abort());
element('files').addEventListener('change', () => void addAll(element('files').files));
document.addEventListener('dragover', (event) => {
  event.preventDefault();
  document.body.classList.add('over');
});
document.addEventListener('dragleave', () => document.body.classList.remove('over'));
document.addEventListener('drop', (event) => {
  event.preventDefault();
  document.body.classList.remove('over');
  void addAll(event.dataTransfer.files);
});

void showStatus();
setInterval(showStatus, 3000);

async function ask(question) {
  asking?.abort();
  asking = new AbortController();
  element('stop').hidden = false;
  const shown = openAnswer(question);
  try {
    const response = await fetch('/api/ask', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ question, stream: true }),
      signal: asking.signal,
    });
    if (!response.ok) shown.fail(await messageOf(response));
    else for await (const { name, data } of readEvents(response)) shown[name]?.(data);
  } catch (error) {
    shown.fail(error.name === 'AbortError' ? 'Stopped.' : 'The service cannot be reached; try again.');
  } finally {
    element('stop').hidden = true;
  }
}

/** An answer on the page; its methods are named for the events that fill it. */
function openAnswer(question) {
  const article = add(document.createElement('article'), 'h2', question);
  const body = add(article, 'div', '').lastChild;
  body.className = 'answer';
  element('answers').prepend(article);
  return {
    text: ({ text }) => body.append(text),
    answer(answer) {
      body.replaceChildren(...withChips(answer));
      if (answer.citations.length > 0) article.append(sourceList(answer.citations));
    },
    error: ({ error }) => add(article, 'p', error.message),
    fail: (message) => add(article, 'p', message),
  };
}

function add(parent, tag, text) {
  const child = document.createElement(tag);
  child.textContent = text;
  parent.append(child);
  return parent;
}

/** The answer's text with each marker as a link to the cited page. */
function withChips({ answer, annotations, sources }) {
  const nodes = [];
  let at = 0;
  for (const { marker, start, end } of annotations) {
    nodes.push(answer.slice(at, start), chip(sources[marker - 1], String(marker)));
    at = end;
  }
  return [...nodes, answer.slice(at)];
}

function chip(source, label) {
  const link = document.createElement('a');
  link.className = 'chip';
  link.href = source.url;
  link.target = '_blank';
  link.rel = 'noopener';
  link.textContent = label;
  link.title = source.text.slice(0, 300);
  return link;
}

function sourceList(citations) {
  const list = document.createElement('ol');
  list.className = 'sources';
  for (const source of citations) {
    const item = document.createElement('li');
    item.value = source.marker;
    const link = chip(source, source.page === null ? source.title : `${source.title}, page ${source.page}`);
    link.className = '';
    item.append(link);
    list.append(item);
  }
  return list;
}

async function addAll(files) {
  for (const file of files) {
    const item = document.createElement('li');
    item.textContent = `${file.name}: sending`;
    element('added').append(item);
    await addOne(file, item);
  }
}

async function addOne(file, item) {
  const form = new FormData();
  form.set('file', file);
  try {
    const response = await fetch('/api/documents', { method: 'POST', body: form });
    item.textContent = `${file.name}: ${response.ok ? await untilDone((await response.json()).id) : await messageOf(response)}`;
  } catch {
    item.textContent = `${file.name}: the service cannot be reached`;
  }
}

async function untilDone(id) {
  for (;;) {
    const found = await (await fetch(`/api/documents/${id}`)).json();
    if (!['seen', 'waiting', 'working'].includes(found.state)) return found.error?.message ?? found.state;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

async function showStatus() {
  try {
    const { documents, servers } = await (await fetch('/api/status')).json();
    const states = Object.entries(documents).map(([state, count]) => `${count} ${state}`);
    const { chat } = servers.chat_server ?? servers.ollama;
    const model = chat.state === 'ready' ? chat.name : 'no language model connected';
    element('status').textContent = `${states.join(', ') || 'no documents yet'} · ${model}`;
  } catch {
    element('status').textContent = 'The service cannot be reached.';
  }
}
