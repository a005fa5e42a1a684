/** Reads server-sent events from a fetched stream: yields `{name, data}` as they come. */
export async function* readEvents(response) {
  let held = '';
  for await (const part of response.body.pipeThrough(new TextDecoderStream())) {
    const events = (held + part).split('\n\n');
    held = events.pop();
    for (const event of events) if (event.startsWith('event: ')) yield parseEvent(event);
  }
}

function parseEvent(event) {
  const [first, second] = event.split('\n', 2);
  return { name: first.slice('event: '.length), data: JSON.parse(second.slice('data: '.length)) };
}

/** The message of a refused request, in the one shape errors have. */
export async function messageOf(response) {
  const body = await response.json();
  return body.error?.message ?? `The service answered ${response.status}.`;
}
