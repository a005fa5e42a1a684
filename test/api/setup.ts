import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { LightMyRequestResponse } from 'fastify';
import { afterAll } from 'vitest';
import { z } from 'zod';
import { createApp, type App, type AppOverrides } from '../../src/app.ts';
import { parseConfig } from '../../src/config.ts';
import { createLog } from '../../src/log.ts';
import { until } from '../until.ts';

const DocumentBody = z.looseObject({
  id: z.string(),
  uri: z.string(),
  title: z.string(),
  collection: z.string(),
  state: z.string(),
  chunks: z.number(),
  revision: z.number(),
  bytes: z.number(),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
});
export type DocumentBody = z.infer<typeof DocumentBody>;

const DocumentList = z.strictObject({ data: z.array(DocumentBody), next_cursor: z.string().nullable() });
export type DocumentList = z.infer<typeof DocumentList>;

const ErrorBody = z.strictObject({
  error: z.strictObject({
    message: z.string().min(1),
    type: z.string().min(1),
    code: z.string().min(1),
    param: z.string().min(1).nullable(),
  }),
});

/** The whole application on a folder of its own; requests reach it without a socket. */
export interface Bench {
  app: App;
  folder: string;
  inbox: string;
  /** Everything logged so far. */
  lines: string[];
  /** Writes a file of the inbox; nothing watches it. */
  drop(path: string, content: string | Buffer): Promise<void>;
  get(url: string, headers?: Record<string, string>): Promise<LightMyRequestResponse>;
  post(url: string, body: object): Promise<LightMyRequestResponse>;
  /** Sends a text and waits until it is searchable. */
  send(body: {
    text: string;
    title?: string;
    collection?: string;
    external_id?: string;
  }): Promise<DocumentBody>;
  list(query?: string): Promise<DocumentList>;
  /** Waits until no document waits or works, and returns the one with this id. */
  done(id: string): Promise<DocumentBody>;
}

/** Starts it for the tests of a file, and ends it after them. */
export async function startBench(
  settings: Record<string, string> = {},
  overrides: AppOverrides = {},
): Promise<Bench> {
  const folder = await mkdtemp(join(tmpdir(), 'limner-api-'));
  const lines: string[] = [];
  const log = createLog({ level: 'warn', secrets: [], write: (line) => void lines.push(line) });
  const app = await createApp(parseConfig({ ...QUICK, ...settings }, folder), log, {
    ollama: { pollMs: { absent: [50, 100], present: 50 } },
    ...overrides,
  });
  await app.start({ watch: false });
  afterAll(async () => {
    await app.close();
    await rm(folder, { recursive: true, force: true });
  });
  return control(app, folder, lines);
}

/** No model server listens on this port. */
const QUICK = {
  OLLAMA_HOST: 'http://127.0.0.1:9',
  LIMNER_SETTLE_SECONDS: '0.05',
  LIMNER_WORKERS: '1',
};

function control(app: App, folder: string, lines: string[]): Bench {
  const inbox = join(folder, 'inbox');
  const get: Bench['get'] = (url, headers = {}) => app.server.inject({ method: 'GET', url, headers });
  const post: Bench['post'] = (url, body) => app.server.inject({ method: 'POST', url, payload: body });

  const done: Bench['done'] = (id) =>
    until(async () => {
      const document = documentIn(await get(`/api/documents/${id}`));
      return ['seen', 'waiting', 'working'].includes(document.state) ? undefined : document;
    }, `document ${id} to be done`);

  return {
    app,
    folder,
    inbox,
    lines,
    get,
    post,
    done,
    async drop(path, content) {
      await mkdir(dirname(join(inbox, path)), { recursive: true });
      await writeFile(join(inbox, path), content);
    },
    send: async (body) => done(documentIn(await post('/api/documents', body)).id),
    list: async (query = '') => DocumentList.parse((await get(`/api/documents?${query}`)).json()),
  };
}

export function documentIn(response: LightMyRequestResponse): DocumentBody {
  return DocumentBody.parse(response.json());
}

/** Status, code and field of an answer that has to be in the one error shape. */
export function errorIn(response: LightMyRequestResponse) {
  const { error } = ErrorBody.parse(response.json());
  return { status: response.statusCode, code: error.code, param: error.param };
}
