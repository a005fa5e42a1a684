import type { ServerResponse } from 'node:http';

export type Route = 'root' | 'version' | 'tags' | 'show' | 'pull' | 'embed' | 'chat' | 'ps' | 'generate';

/** What goes wrong instead of an answer, on any route. */
type WholeFault = 'status' | 'html' | 'truncated json' | 'hang' | 'drip' | 'reset';
/** What is wrong with the vectors of `embed`. */
type VectorFault =
  | 'fewer vectors'
  | 'no vectors'
  | 'nan'
  | 'nulls'
  | 'infinity'
  | 'zeros'
  | 'strings'
  | 'other dimension';
/** What happens to a stream of `chat` or `pull` after `afterLines` lines. */
type StreamFault = 'cut' | 'reset stream' | 'error line' | 'bad line' | 'hang stream' | 'no done';

export interface Fault {
  failAt: Route;
  kind: WholeFault | VectorFault | StreamFault;
  /** For `status`; 500 when left out. */
  status?: number;
  /** Ollama's words, for `status` and `error line`. */
  message?: string;
  /** How many requests it meets; all of them when left out. */
  times?: number;
  /** For faults of streams; 1 when left out. */
  afterLines?: number;
}

/** Answers with the fault. False for a fault that spoils an answer rather than replacing it. */
export function answerWithFault(fault: Fault, response: ServerResponse): boolean {
  const answers: Partial<Record<Fault['kind'], () => void>> = {
    status: () => sendError(response, fault),
    html: () => {
      response.writeHead(fault.status ?? 200, { 'content-type': 'text/html' });
      response.end('<html><body><h1>It works!</h1></body></html>');
    },
    'truncated json': () => {
      response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' });
      response.end('{"model":"m","embeddings":[[0.1,0.2');
    },
    hang: () => undefined,
    drip: () => drip(response),
    reset: () => response.destroy(),
  };
  const answer = answers[fault.kind];
  answer?.();
  return answer !== undefined;
}

function sendError(response: ServerResponse, { status = 500, message = 'planned failure' }: Fault): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' });
  response.end(JSON.stringify({ error: message }));
}

/** White space is valid before JSON, so that only a deadline ends this. */
function drip(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' });
  const timer = setInterval(() => response.write(' '), 5);
  response.on('close', () => clearInterval(timer));
}

/** The `embeddings` of an `/api/embed` answer as JSON, with what is wrong in it. */
export function spoilVectors(kind: Fault['kind'], vectors: readonly number[][]): string {
  const good = JSON.stringify(vectors);
  const first = (value: string): string => good.replace(/-?[\d.]+(e-?\d+)?/, value);
  const spoilt: Partial<Record<Fault['kind'], string>> = {
    'fewer vectors': JSON.stringify(vectors.slice(1)),
    'no vectors': '[]',
    nan: first('NaN'),
    nulls: first('null'),
    infinity: first('1e39'),
    zeros: JSON.stringify(vectors.map((vector) => vector.map(() => 0))),
    strings: first('"0.5"'),
    'other dimension': JSON.stringify(vectors.map((vector) => vector.slice(1))),
  };
  return spoilt[kind] ?? good;
}

/** Spoils a stream at its current line. False when the stream is to go on. */
export function spoilStream(fault: Fault, response: ServerResponse): boolean {
  const spoil: Partial<Record<Fault['kind'], () => void>> = {
    cut: () => response.end('{"model":"m","message":{"role":"assist'),
    'no done': () => response.end(),
    'reset stream': () => response.destroy(),
    'error line': () => response.end(`${JSON.stringify({ error: fault.message ?? 'planned failure' })}\n`),
    'bad line': () => response.write('this is not JSON\n'),
    'hang stream': () => undefined,
  };
  const act = spoil[fault.kind];
  act?.();
  return act !== undefined && fault.kind !== 'bad line';
}
