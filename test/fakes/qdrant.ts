import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { listen, stopListening } from './listen.ts';
import { createFakeCollections } from './qdrant-collections.ts';
import { Refusal } from './qdrant-refusal.ts';
import { hasQdrantContract, readQdrantContract, type QdrantContract } from './qdrant-contract.ts';

export interface QdrantFault {
  /** The end of the path, such as `/points/query/batch`; every request without it. */
  failAt?: string;
  method?: string;
  kind: 'status' | 'hang' | 'reset' | 'late reset';
  status?: number;
  message?: string;
  /** The header `Retry-After` of a `status`, in seconds. */
  retryAfter?: number;
  /** How many requests it meets; all of them when left out. */
  times?: number;
}

export interface QdrantRequest {
  method: string;
  path: string;
  query: string;
  body: unknown;
  at: number;
}

export interface FakeQdrant {
  url: string;
  port: number;
  settings: { version: string; key: string | undefined };
  requests: QdrantRequest[];
  /** What was wrong with requests and answers by Qdrant's own description; it has to stay empty. */
  complaints: string[];
  collections: ReturnType<typeof createFakeCollections>;
  plan(fault: QdrantFault): void;
  heal(): void;
  /** Holds the requests whose path ends so, those after the first `skip`, until they are released. */
  hold(
    end: string,
    which?: { method?: string; skip?: number },
  ): { waiting: () => number; release: () => void };
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** Making its validators takes longer than most tests. */
let read: QdrantContract | undefined;

interface Hold {
  end: string;
  method?: string;
  skip?: number;
  gate: Promise<void>;
  waiting: number;
}

/** A Qdrant in memory, over real HTTP: everything that Limner asks of one, and nothing else. */
export async function startFakeQdrant(): Promise<FakeQdrant> {
  const contract = hasQdrantContract ? (read ??= readQdrantContract()) : undefined;
  const collections = createFakeCollections();
  const settings: FakeQdrant['settings'] = { version: '1.19.0', key: undefined };
  const requests: QdrantRequest[] = [];
  const complaints: string[] = [];
  const holds = new Set<Hold>();
  let faults: QdrantFault[] = [];

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      complaints.push(String(error));
      send(response, 500, { status: { error: `the fake: ${String(error)}` }, time: 0 });
    });
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://fake');
    const raw = await text(request);
    const method = request.method ?? 'GET';
    const body: unknown = raw === '' ? undefined : JSON.parse(raw);
    requests.push({ method, path: pathname, query: String(searchParams), body, at: performance.now() });
    if (settings.key !== undefined && request.headers['api-key'] !== settings.key)
      return refuse(response, 401, 'Must provide an API key or an Authorization bearer token');
    const wrong = contract?.request(method, pathname, searchParams, body);
    if (wrong !== undefined) return complain(response, `${method} ${pathname}: ${wrong}`);
    const fault = takeFault(method, pathname);
    if (fault && fault.kind !== 'late reset') return fail(response, fault);
    await held(method, pathname);
    const result = collections.handle(method, pathname, body, settings.version);
    if (fault) return void response.socket?.destroy();
    if (result instanceof Refusal) return refuse(response, result.status, result.message);
    const sent = pathname === '/' ? result : { result, status: 'ok', time: 0.001 };
    const bad = contract?.answer(method, pathname, 200, sent);
    if (bad !== undefined) return complain(response, `answer of ${method} ${pathname}: ${bad}`);
    send(response, 200, sent);
  }

  function complain(response: ServerResponse, complaint: string): void {
    complaints.push(complaint);
    refuse(response, 400, `the fake: ${complaint}`);
  }

  function takeFault(method: string, path: string): QdrantFault | undefined {
    const fault = faults.find(
      (one) => path.endsWith(one.failAt ?? '') && (one.method === undefined || one.method === method),
    );
    if (fault?.times !== undefined && --fault.times <= 0) faults = faults.filter((one) => one !== fault);
    return fault;
  }

  function fail(response: ServerResponse, fault: QdrantFault): void {
    if (fault.kind === 'hang') return;
    if (fault.kind === 'reset') return void response.socket?.destroy();
    if (fault.retryAfter !== undefined) response.setHeader('retry-after', String(fault.retryAfter));
    refuse(response, fault.status ?? 500, fault.message ?? 'planned');
  }

  async function held(method: string, path: string): Promise<void> {
    for (const hold of holds) {
      if (!path.endsWith(hold.end) || (hold.method !== undefined && hold.method !== method)) continue;
      if (hold.skip !== undefined && hold.skip-- > 0) continue;
      hold.waiting++;
      await hold.gate;
    }
  }

  let port = await listen(server, 0);
  return {
    get url() {
      return `http://127.0.0.1:${port}`;
    },
    get port() {
      return port;
    },
    settings,
    requests,
    complaints,
    collections,
    plan: (fault) => void faults.push({ ...fault }),
    heal: () => void (faults = []),
    hold(end, which = {}) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const hold: Hold = { ...which, end, gate: promise, waiting: 0 };
      holds.add(hold);
      return {
        waiting: () => hold.waiting,
        release() {
          holds.delete(hold);
          resolve();
        },
      };
    },
    stop: () => stopListening(server),
    async start() {
      port = await listen(server, port);
    },
  };
}

function refuse(response: ServerResponse, status: number, error: string): void {
  send(response, status, { status: { error }, time: 0.001 });
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
