import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { listen, stopListening } from './listen.ts';

export interface Heard {
  authorization: string | undefined;
  fields: Record<string, string>;
  file: { name: string; bytes: number };
}

export interface FakeTranscription {
  /** The base URL, with `/v1`. */
  url: string;
  /** What came, in order. */
  heard: Heard[];
  /** Answers with this status and these words instead, until it is unset. */
  refuse: { status: number; message: string } | undefined;
  /** What is said in every recording; `undefined` leaves the times out, as some servers do. */
  segments: { start: number; end: number; text: string }[] | undefined;
  stop(): Promise<void>;
}

/** A server of OpenAI's `/v1/audio/transcriptions` in which every recording says the same. */
export async function startTranscription(): Promise<FakeTranscription> {
  const fake: FakeTranscription = {
    url: '',
    heard: [],
    refuse: undefined,
    segments: [
      { start: 0, end: 4.2, text: ' The harbour master speaks.' },
      { start: 4.2, end: 9.5, text: ' The dredger Molly arrives on the ninth of May.' },
      { start: 200, end: 203, text: ' Bring your own rope.' },
    ],
    stop: () => stopListening(server),
  };
  const server = createServer((request, response) => {
    void answer(fake, request, response);
  });
  fake.url = `http://127.0.0.1:${await listen(server, 0)}/v1`;
  return fake;
}

async function answer(
  fake: FakeTranscription,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await buffer(request);
  const known = request.method === 'POST' && request.url === '/v1/audio/transcriptions';
  if (known) fake.heard.push(await heardOf(request, body));
  const { refuse, segments } = fake;
  const [status, sent] = !known
    ? [404, { error: { message: 'no such route' } }]
    : refuse
      ? [refuse.status, { error: { message: refuse.message } }]
      : [200, spoken(segments)];
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(sent));
}

function spoken(segments: FakeTranscription['segments']): object {
  const text = (segments ?? [{ text: 'Only words.' }]).map((segment) => segment.text).join('');
  return segments ? { task: 'transcribe', language: 'english', duration: 203, text, segments } : { text };
}

async function heardOf(request: IncomingMessage, body: Buffer): Promise<Heard> {
  const headers = { 'content-type': request.headers['content-type'] ?? '' };
  const form = await new Response(new Uint8Array(body), { headers }).formData();
  const file = form.get('file');
  const fields: Record<string, string> = {};
  for (const [name, value] of form) if (typeof value === 'string') fields[name] = value;
  return {
    authorization: request.headers.authorization,
    fields,
    file: file instanceof File ? { name: file.name, bytes: file.size } : { name: '', bytes: -1 },
  };
}
