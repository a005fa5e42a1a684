import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as after } from 'node:timers/promises';
import { z } from 'zod';
import { makePng } from './comfyui-nodes.ts';
import { listen, stopListening } from './listen.ts';

const Body = z.looseObject({
  prompt: z.string(),
  seed: z.number().optional(),
  steps: z.number().default(20),
  width: z.number().default(512),
  height: z.number().default(512),
  init_images: z.array(z.string()).optional(),
  mask: z.string().optional(),
  force_task_id: z.string().optional(),
});

export interface FakeA1111Settings {
  checkpoints: string[];
  loras: string[];
  /** How long a picture takes, in ten steps. */
  paintMs: number;
  /** `Authorization` that every request needs. */
  authorization: string | undefined;
  /** Answers 500 as it does when the card is full, this many times. */
  outOfMemory: number;
  /** Whether it has its page, and with it the route that knows runs by their id (not with `--nowebui`). */
  hasPage: boolean;
  /** Before 1.8: the id that a request gives its run is ignored. */
  ignoresIds: boolean;
  /** What a PNG is answered as, by its setting for the files of samples. */
  encode: (png: Buffer) => Promise<Buffer> | Buffer;
  /** More steps are refused. */
  maxSteps: number;
  /** Cuts the connection of a request in the middle, this many times. */
  cutAnswers: number;
}

export interface FakeA1111 {
  url: string;
  settings: FakeA1111Settings;
  requests: string[];
  /** What txt2img and img2img were asked. */
  orders: { path: string; body: z.infer<typeof Body> }[];
  stop(): Promise<void>;
  start(): Promise<void>;
}

const ProgressBody = z.looseObject({ id_task: z.string().nullable().default(null) });
const STEPS = 10;
const MEMORY = { error: 'OutOfMemoryError', detail: '', body: '', errors: 'CUDA out of memory.' };

/**
 * A small AUTOMATIC1111 (1.10) with `--api`: one picture at a time, and the answer to a request is the picture. Its public
 * progress does not tell whose run it is; the route of its page does, by the id that the request gave it.
 */
export async function createFakeA1111(changes: Partial<FakeA1111Settings> = {}): Promise<FakeA1111> {
  const settings: FakeA1111Settings = {
    checkpoints: ['sd_xl_base_1.0.safetensors'],
    loras: ['ink'],
    paintMs: 100,
    authorization: undefined,
    outOfMemory: 0,
    hasPage: true,
    ignoresIds: false,
    encode: (png) => png,
    cutAnswers: 0,
    maxSteps: 150,
    ...changes,
  };
  const requests: string[] = [];
  const orders: FakeA1111['orders'] = [];
  let turn = Promise.resolve();
  /** The run that has the card. */
  let state: { step: number; jobs: number } | undefined;
  let isInterrupted = false;
  /** As its page counts them; a run that throws stays the current one. */
  const tasks = {
    current: undefined as string | undefined,
    pending: new Set<string>(),
    finished: [] as string[],
  };
  const server = createServer((request, response) => void serve(request, response));

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = new URL(request.url ?? '/', 'http://fake').pathname;
    requests.push(`${request.method} ${path}`);
    const body = await text(request);
    if (settings.authorization !== undefined && request.headers.authorization !== settings.authorization)
      return json(response, 401, { detail: 'Incorrect username or password' });
    const route = ROUTES[`${request.method} ${path}`];
    if (!route) return json(response, 404, { detail: 'Not Found' });
    await route(response, body, path);
  }

  type Route = (response: ServerResponse, body: string, path: string) => void | Promise<void>;
  const ROUTES: Record<string, Route> = {
    'POST /sdapi/v1/txt2img': paint,
    'POST /sdapi/v1/img2img': paint,
    'GET /sdapi/v1/progress': (response) => {
      const { step = 0, jobs = 0 } = state ?? {};
      json(response, 200, {
        progress: jobs === 0 ? 0 : 0.01 + (jobs > 0 ? step / STEPS : 0),
        eta_relative: 0,
        state: {
          skipped: false,
          interrupted: isInterrupted,
          stopping_generation: false,
          job: jobs === 0 ? '' : 'scripts_txt2img',
          job_count: jobs,
          job_timestamp: '20260101000000',
          job_no: 0,
          sampling_step: step,
          sampling_steps: STEPS,
        },
        current_image: step > 2 ? makePng(8, 8, 1, '').toString('base64') : null,
        textinfo: null,
      });
    },
    'POST /internal/progress': (response, body) => {
      if (!settings.hasPage) return json(response, 404, { detail: 'Not Found' });
      const id = ProgressBody.parse(JSON.parse(body)).id_task;
      const active = id === (tasks.current ?? null);
      json(response, 200, {
        active,
        queued: id !== null && tasks.pending.has(id),
        completed: id !== null && tasks.finished.includes(id),
        progress: active ? (state?.step ?? 0) / STEPS : null,
        eta: null,
        live_preview: null,
        id_live_preview: -1,
        textinfo: null,
      });
    },
    'POST /sdapi/v1/interrupt': (response) => {
      isInterrupted = true;
      json(response, 200, {});
    },
    'GET /sdapi/v1/sd-models': (response) =>
      json(
        response,
        200,
        settings.checkpoints.map((name) => ({
          title: `${name} [31e35c80fc]`,
          model_name: name.replace('.safetensors', ''),
          filename: `C:\\sd\\models\\Stable-diffusion\\${name}`,
        })),
      ),
    'GET /sdapi/v1/options': (response) =>
      json(response, 200, { sd_model_checkpoint: settings.checkpoints[0] ?? null }),
    'GET /sdapi/v1/loras': (response) =>
      json(
        response,
        200,
        settings.loras.map((name) => ({ name, alias: name, path: `/sd/${name}` })),
      ),
    'GET /sdapi/v1/memory': (response) =>
      json(response, 200, {
        ram: {},
        cuda: { system: { free: 2 ** 33, used: 0, total: 2 ** 33 }, reserved: { current: 0, peak: 0 } },
      }),
    'POST /sdapi/v1/unload-checkpoint': (response) => json(response, 200, {}),
    'POST /sdapi/v1/reload-checkpoint': (response) => json(response, 200, {}),
  };

  async function paint(response: ServerResponse, sent: string, path: string): Promise<void> {
    const parsed = Body.safeParse(JSON.parse(sent));
    if (!parsed.success)
      return json(response, 422, {
        detail: parsed.error.issues.map(({ path: loc, message }) => ({
          loc: ['body', ...loc],
          msg: message,
        })),
      });
    if (parsed.data.steps > settings.maxSteps)
      return json(response, 422, {
        detail: [{ loc: ['body', 'steps'], msg: `must be at most ${settings.maxSteps}` }],
      });
    orders.push({ path, body: parsed.data });
    const { force_task_id: given, width, height, seed = 1 } = parsed.data;
    const id = (!settings.ignoresIds && given) || `task(txt2img-${orders.length})`;
    tasks.pending.add(id);
    const before = turn;
    const mine = Promise.withResolvers<void>();
    turn = mine.promise;
    await before;
    isInterrupted = false;
    state = { step: 0, jobs: -1 };
    tasks.current = id;
    tasks.pending.delete(id);
    try {
      if (settings.outOfMemory-- > 0) return json(response, 500, MEMORY);
      for (; state.step < STEPS && !isInterrupted; state.step++) {
        await after(settings.paintMs / STEPS);
        state.jobs = 1;
      }
      tasks.current = undefined;
      tasks.finished = [...tasks.finished, id].slice(-16);
      if (settings.cutAnswers-- > 0) return void response.destroy();
      const image = await settings.encode(makePng(width, height, seed & 0xffffff, 'parameters'));
      json(response, 200, {
        images: [image.toString('base64')],
        parameters: {},
        info: JSON.stringify({ seed }),
      });
    } finally {
      state = undefined;
      mine.resolve();
    }
  }

  let port = await listen(server, 0);
  return {
    get url() {
      return `http://127.0.0.1:${port}`;
    },
    settings,
    requests,
    orders,
    stop: () => stopListening(server),
    start: async () => {
      port = await listen(server, port);
    },
  };
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
