import { broken, empty, json, octets, plain, starred } from './comfyui-replies.ts';
import { createFiles, type FileSettings } from './comfyui-files.ts';
import { listen } from './listen.ts';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { setTimeout as after } from 'node:timers/promises';
import { NODE_CLASSES, type FakeGraph } from './comfyui-nodes.ts';
import { runPrompt, type FakePrompt, type HistoryItem } from './comfyui-run.ts';
import { createSockets } from './comfyui-sockets.ts';
import { readPrompt, validate } from './comfyui-validate.ts';

/** What can be switched at any time. */
export interface FakeComfySettings extends FileSettings {
  version: string;
  vramBytes: number;
  /** Names by folder. */
  models: Record<string, string[]>;
  /** Without `/api/jobs`, as before 0.5. */
  hasNoJobs: boolean;
  /** `/api/jobs/{id}` answers 500, as with one poisoned entry. */
  isPoisoned: boolean;
  /** Jobs are taken and never end. */
  isZombie: boolean;
  /** Interrupts answer 200 and do nothing. */
  ignoresInterrupts: boolean;
  /** So many interrupts answer 200 and do nothing. */
  losesInterrupts: number;
  /** A prompt id that is known is answered 409, as newer servers may. */
  refusesDuplicates: boolean;
  /** Routes that answer a plain 500, with how often: `{'POST /history': 1}`. */
  fails: Record<string, number>;
  /** Time between the end of a run and its history entry. */
  historyDelayMs: number;
  /** POST /prompt answers 500 this many times; `runs` says whether the job is queued all the same. */
  failPosts: { times: number; runs: boolean };
  maxUploadBytes: number;
  /** What others hold of its card. */
  foreignBytes: () => number;
  /** Told when a run begins and ends. */
  onRun: (begins: boolean) => void | Promise<void>;
  /** Newer servers: who takes an id that is still connected has to show the key of that connection. */
  wantsCredentials: boolean;
  /** What every request needs in the header of this name. */
  authorization: string | undefined;
  authorizationHeader: string;
}

export interface FakeComfy {
  url: string;
  settings: FakeComfySettings;
  /** Every request, as `METHOD path`. */
  requests: string[];
  /** Bodies of POST /prompt. */
  prompts: { prompt: FakeGraph; prompt_id: string; client_id: string }[];
  /** Names and sizes of what was uploaded. */
  uploads: { name: string; subfolder: string; bytes: number }[];
  frees: unknown[];
  /** `Range` of each download. */
  ranges: (string | undefined)[];
  /** Files that runs made. */
  made(): Buffer[];
  /** What its models hold of the card. */
  heldBytes(): number;
  upgrades: Record<string, string>[];
  sockets: Pick<
    ReturnType<typeof createSockets>,
    'count' | 'ids' | 'drop' | 'deafen' | 'stall' | 'send' | 'close'
  >;
  /** Milliseconds in which something ran. */
  busyMs(): number;
  /** The process ends: queue, history and temp files are gone. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

const GIB = 2 ** 30;
const MODEL_BYTES = 4 * GIB;

/** A small ComfyUI on 127.0.0.1 with the wire format, the frames and the faults of the recorded one. */
export async function createFakeComfy(changes: Partial<FakeComfySettings> = {}): Promise<FakeComfy> {
  const settings: FakeComfySettings = {
    version: '0.33.0',
    vramBytes: 8 * GIB,
    models: { checkpoints: [], loras: [], upscale_models: [] },
    hasNoJobs: false,
    isPoisoned: false,
    isZombie: false,
    ignoresInterrupts: false,
    historyDelayMs: 0,
    failPosts: { times: 0, runs: false },
    cutDownloads: 0,
    liesOnView: false,
    losesFiles: 0,
    losesInterrupts: 0,
    refusesDuplicates: false,
    fails: {},
    maxUploadBytes: 104_857_600,
    foreignBytes: () => 0,
    onRun: () => undefined,
    wantsCredentials: false,
    authorization: undefined,
    authorizationHeader: 'authorization',
    ...changes,
  };
  const requests: string[] = [];
  const prompts: FakeComfy['prompts'] = [];
  const uploads: FakeComfy['uploads'] = [];
  const frees: unknown[] = [];
  const ranges: (string | undefined)[] = [];
  const files = new Map<string, Buffer>();
  const stored = createFiles(files, settings, uploads);
  let pending: FakePrompt[] = [];
  let current: FakePrompt | undefined;
  let history = new Map<string, HistoryItem>();
  let world = newLife();
  let number = 0;
  let busy = 0;
  /** What its models hold of the card. */
  let held = 0;
  let interrupted = '';
  const server = createServer((request, response) => void serve(request, response));
  const upgrades: Record<string, string>[] = [];
  const sockets = createSockets(server, {
    headers: upgrades,
    wantsCredentials: () => settings.wantsCredentials,
    isAllowed: (headers) =>
      settings.authorization === undefined ||
      headers[settings.authorizationHeader] === settings.authorization,
    remaining,
    running: () =>
      current?.clientId === undefined ? undefined : [current.clientId, Object.keys(current.graph)[0] ?? ''],
  });

  function newLife() {
    return {
      isDead: false,
      cache: new Map<string, Record<string, unknown> | null>(),
      counters: new Map<string, number>(),
    };
  }

  function remaining(): number {
    return pending.length + (current ? 1 : 0);
  }

  const heeds = (): boolean => {
    if (settings.losesInterrupts > 0) {
      settings.losesInterrupts--;
      return false;
    }
    return !settings.ignoresInterrupts;
  };

  const tellStatus = (): void =>
    sockets.tell(undefined, 'status', { status: { exec_info: { queue_remaining: remaining() } } });

  async function drain(): Promise<void> {
    if (current) return;
    const life = world;
    for (current = pending.shift(); current; current = pending.shift()) {
      const prompt: FakePrompt = current;
      interrupted = '';
      tellStatus();
      if (settings.isZombie) return;
      const since = performance.now();
      await settings.onRun(true);
      held = MODEL_BYTES;
      const item = await runPrompt(prompt, {
        sockets,
        files,
        cache: life.cache,
        counters: life.counters,
        isInterrupted: () => interrupted === prompt.id,
        isDead: () => life.isDead,
        remaining,
      });
      busy += performance.now() - since;
      await settings.onRun(false);
      if (life.isDead) return;
      if (settings.historyDelayMs > 0) await after(settings.historyDelayMs);
      history.set(prompt.id, item);
      current = undefined;
      tellStatus();
      if (prompt.clientId !== undefined)
        sockets.tell(prompt.clientId, 'executing', { node: null, prompt_id: prompt.id });
    }
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://fake');
    const path = url.pathname.startsWith('/api/jobs')
      ? url.pathname
      : url.pathname.replace(/^\/api(?=\/)/, '');
    requests.push(`${request.method} ${path}`);
    const body = await buffer(request);
    if (
      settings.authorization !== undefined &&
      request.headers[settings.authorizationHeader] !== settings.authorization
    )
      return empty(response, 401);
    const { origin } = request.headers;
    if (
      request.headers['sec-fetch-site'] === 'cross-site' ||
      (origin && origin !== `http://${request.headers.host}`)
    )
      return empty(response, 403);
    const name = `${request.method} ${starred(path)}`;
    if ((settings.fails[name] ?? 0) > 0) {
      settings.fails[name] = (settings.fails[name] ?? 0) - 1;
      return broken(response);
    }
    if (body.length > settings.maxUploadBytes)
      return plain(
        response,
        413,
        `Maximum request body size ${settings.maxUploadBytes} exceeded, actual body size ${body.length}`,
      );
    const route = ROUTES[name];
    if (!route) return octets(response);
    await route({ path, query: url.searchParams, body, request, response });
  }

  interface Call {
    path: string;
    query: URLSearchParams;
    body: Buffer;
    request: IncomingMessage;
    response: ServerResponse;
  }

  const lastOf = (path: string, from = -1): string => path.split('/').at(from) ?? '';

  const ROUTES: Record<string, (call: Call) => void | Promise<void>> = {
    'POST /prompt': ({ body, response }) => postPrompt(body, response),
    'GET /prompt': ({ response }) => json(response, 200, { exec_info: { queue_remaining: remaining() } }),
    'GET /queue': ({ response }) =>
      json(response, 200, {
        queue_running: current ? [itemOf(current)] : [],
        queue_pending: pending.map(itemOf),
      }),
    'POST /queue': ({ body, response }) => {
      const gone = JSON.parse(body.toString()).delete ?? [];
      pending = pending.filter(({ id }) => !gone.includes(id));
      tellStatus();
      empty(response, 200);
    },
    'POST /interrupt': ({ body, response }) => {
      const wanted = body.length > 0 ? JSON.parse(body.toString()).prompt_id : current?.id;
      if (heeds() && wanted === current?.id) interrupted = wanted;
      empty(response, 200);
    },
    'POST /free': ({ body, response }) => {
      frees.push(JSON.parse(body.toString()));
      held = 0;
      empty(response, 200);
    },
    'GET /history': ({ query, response }) => {
      const most = Number(query.get('max_items') ?? history.size);
      if (Number.isNaN(most)) return broken(response);
      const offset = query.has('offset') ? Number(query.get('offset')) : Math.max(0, history.size - most);
      return json(response, 200, Object.fromEntries([...history].slice(offset, offset + most)));
    },
    'GET /api/jobs': ({ response }) => {
      if (settings.hasNoJobs) return octets(response);
      if (settings.isPoisoned) return broken(response);
      return json(response, 200, { jobs: [...history.keys()].map(jobOf) });
    },
    'POST /api/jobs/cancel': ({ body, response }) => {
      const ids: string[] = JSON.parse(body.toString()).job_ids;
      const invalid = ids.filter((id) => !/^[0-9a-f-]{36}$/.test(id));
      if (invalid.length > 0)
        return json(response, 400, { error: 'job_ids contains invalid id(s)', invalid_ids: invalid });
      return json(response, 200, { cancelled: ids.filter(cancel).length > 0 });
    },
    'GET /history/*': ({ path, response }) => {
      const item = history.get(lastOf(path));
      json(response, 200, item ? { [lastOf(path)]: item } : {});
    },
    'POST /history': ({ body, response }) => {
      for (const id of JSON.parse(body.toString()).delete ?? []) history.delete(id);
      empty(response, 200);
    },
    'GET /api/jobs/*': ({ path, response }) => {
      if (settings.hasNoJobs) return octets(response);
      if (settings.isPoisoned) return broken(response);
      const job = jobOf(lastOf(path));
      return job ? json(response, 200, job) : json(response, 404, { error: 'Job not found' });
    },
    'POST /api/jobs/*/cancel': ({ path, response }) => {
      if (settings.hasNoJobs) return octets(response);
      return json(response, 200, { cancelled: cancel(lastOf(path, -2)) });
    },
    'GET /object_info': ({ response }) => json(response, 200, NODE_CLASSES),
    'GET /object_info/*': ({ path, response }) => {
      const found = NODE_CLASSES[lastOf(path)];
      json(response, 200, found ? { [lastOf(path)]: found } : {});
    },
    'GET /models': ({ response }) => json(response, 200, Object.keys(settings.models)),
    'GET /models/*': ({ path, response }) => {
      const names = settings.models[lastOf(path)];
      if (names) json(response, 200, names);
      else empty(response, 404);
    },
    'GET /features': ({ response }) =>
      json(response, 200, { supports_preview_metadata: true, max_upload_size: settings.maxUploadBytes }),
    'GET /system_stats': ({ response }) =>
      json(response, 200, {
        system: { os: 'posix', comfyui_version: settings.version, python_version: '3.12', argv: [] },
        devices: [
          {
            name: 'cuda:0 Fake',
            type: 'cuda',
            index: 0,
            vram_total: settings.vramBytes,
            vram_free: settings.vramBytes - held - settings.foreignBytes(),
            torch_vram_total: held,
            torch_vram_free: 0,
          },
        ],
      }),
    'POST /upload/image': ({ body, request, response }) => stored.upload(body, request, response, false),
    'POST /upload/mask': ({ body, request, response }) => stored.upload(body, request, response, true),
    'GET /view': ({ query, request, response }) => {
      ranges.push(request.headers.range);
      stored.view(query, request, response);
    },
    'HEAD /view': ({ query, request, response }) => stored.view(query, request, response),
  };

  function postPrompt(body: Buffer, response: ServerResponse): void {
    const sent = readPrompt(body);
    if (sent === undefined) return broken(response);
    if ('refusal' in sent) return json(response, 400, sent.refusal);
    prompts.push(sent);
    const isKnown = current?.id === sent.prompt_id || pending.some(({ id }) => id === sent.prompt_id);
    if (settings.refusesDuplicates && (isKnown || history.has(sent.prompt_id)))
      return json(response, 409, { error: 'prompt_id already exists' });
    const { failPosts } = settings;
    const fails = failPosts.times > 0 && failPosts.times-- > 0;
    if (fails && !failPosts.runs) return broken(response);
    const { error, node_errors, targets } = validate(sent.prompt, {
      targets: sent.partial_execution_targets,
      inputs: [...files.keys()],
      models: settings.models,
    });
    if (error) return json(response, 400, { error, node_errors });
    const at = number++;
    const extra = { client_id: sent.client_id, create_time: Date.now() };
    pending.push({
      id: sent.prompt_id,
      number: at,
      graph: sent.prompt,
      clientId: sent.client_id,
      extra,
      targets,
    });
    if (fails) broken(response);
    else json(response, 200, { prompt_id: sent.prompt_id, number: at, node_errors });
    tellStatus();
    void drain();
  }

  /** A pending job goes without a trace, a running one is told to stop. */
  function cancel(id: string): boolean {
    const before = pending.length;
    pending = pending.filter((one) => one.id !== id);
    if (before !== pending.length) tellStatus();
    if (current?.id === id && heeds()) interrupted = id;
    return before !== pending.length || current?.id === id;
  }

  const itemOf = ({ number, id, graph, extra, targets }: FakePrompt): unknown[] => [
    number,
    id,
    graph,
    extra,
    targets,
  ];

  function jobOf(id: string): Record<string, unknown> | undefined {
    const item = history.get(id);
    if (!item) {
      const isRunning = current?.id === id;
      if (!isRunning && !pending.some((one) => one.id === id)) return undefined;
      return {
        id,
        status: isRunning ? 'in_progress' : 'pending',
        priority: 0,
        outputs_count: 0,
        previewable_outputs_count: 0,
      };
    }
    const count = Object.keys(item.outputs).length;
    return {
      id,
      status: statusOf(item),
      priority: item.prompt[0],
      outputs_count: count,
      previewable_outputs_count: count,
      outputs: item.outputs,
      execution_status: item.status,
      workflow: { prompt: item.prompt[2], extra_data: item.prompt[3] },
    };
  }

  let port = await listen(server, 0);
  return {
    get url() {
      return `http://127.0.0.1:${port}`;
    },
    settings,
    requests,
    prompts,
    uploads,
    frees,
    upgrades,
    sockets,
    ranges,
    made: () => [...files].filter(([name]) => name.startsWith('output:')).map(([, bytes]) => bytes),
    heldBytes: () => held,
    busyMs: () => busy,
    async stop() {
      world.isDead = true;
      sockets.drop();
      server.closeAllConnections();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
    async start() {
      world = newLife();
      pending = [];
      current = undefined;
      history = new Map();
      number = 0;
      port = await listen(server, port);
    },
  };
}

function statusOf({ status }: HistoryItem): string {
  if (status.status_str === 'success') return 'completed';
  return status.messages.at(-1)?.[0] === 'execution_interrupted' ? 'cancelled' : 'failed';
}
