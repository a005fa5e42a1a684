import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { PATIENCE_MS, until } from './until.ts';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

/** A port that nothing listens on: no model server. */
export const NO_OLLAMA = 'http://127.0.0.1:59123';

const Document = z.looseObject({
  id: z.string(),
  uri: z.string(),
  title: z.string(),
  collection: z.string(),
  state: z.string(),
  chunks: z.number(),
  vectors: z.number(),
  pages: z.number().nullable(),
  revision: z.number(),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  warnings: z.array(z.string()),
});
export type Document = z.infer<typeof Document>;

const Page = z.object({ data: z.array(Document), next_cursor: z.string().nullable() });

/** Limner as its users run it: a process of its own on a temporary folder. */
export interface Service {
  url: string;
  inbox: string;
  process: ChildProcess;
  /** What it wrote on stderr so far. */
  log(): string;
  get(path: string): Promise<Response>;
  post(path: string, body: unknown): Promise<Response>;
  documents(query?: string): Promise<Document[]>;
  /** Waits until `files` documents are there and none settles, waits or works; returns all by their uri. */
  quiet(files: number, limitMs?: number): Promise<Map<string, Document>>;
  /** SIGTERM, and its exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL: no chance to tidy up. */
  kill(): Promise<void>;
}

export async function temporaryFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'limner-test-'));
}

export function removeFolder(folder: string): Promise<void> {
  return rm(folder, { recursive: true, force: true });
}

/** Starts the service on `folder`, which keeps inbox and data; resolves when it answers. */
export async function startService(
  folder: string,
  env: Record<string, string> = {},
  { preload }: { preload?: string } = {},
): Promise<Service> {
  const inbox = join(folder, 'inbox');
  await mkdir(inbox, { recursive: true });
  const child = spawn(
    process.execPath,
    [...(preload === undefined ? [] : ['--import', preload]), MAIN, 'serve'],
    {
      cwd: folder,
      env: { PATH: process.env['PATH'], ...SETTINGS, ...env },
      stdio: ['ignore', 'pipe', 'pipe', ...(preload === undefined ? [] : (['ipc'] as const))],
    },
  );
  let out = '';
  let log = '';
  child.stdout?.on('data', (part: Buffer) => (out += part.toString()));
  child.stderr?.on('data', (part: Buffer) => (log += part.toString()));
  const address = await until(() => {
    if (child.exitCode !== null) throw new Error(`The service ended: ${log}`);
    return /Limner is at (http:\S+)\. /.exec(out)?.[1];
  }, 'the service to tell its address');
  return control(address, inbox, child, () => log);
}

const SETTINGS = {
  LIMNER_PORT: '0',
  LIMNER_SETTLE_SECONDS: '0.1',
  LIMNER_SCAN_SECONDS: '0.5',
  OLLAMA_HOST: NO_OLLAMA,
};

function control(url: string, inbox: string, child: ChildProcess, log: () => string): Service {
  const get = (path: string): Promise<Response> => fetch(url + path);
  const post = (path: string, body: unknown): Promise<Response> =>
    fetch(url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });

  async function documents(query = ''): Promise<Document[]> {
    const found: Document[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const response = await get(`/api/documents?limit=500${query}${cursor && `&cursor=${cursor}`}`);
      const page = Page.parse(await response.json());
      found.push(...page.data);
      cursor = page.next_cursor;
    }
    return found;
  }

  async function end(signal: NodeJS.Signals): Promise<number | null> {
    if (child.exitCode === null && child.signalCode === null) {
      const exited = once(child, 'exit');
      child.kill(signal);
      await exited;
    }
    return child.exitCode;
  }

  return {
    url,
    inbox,
    process: child,
    log,
    get,
    post,
    documents,
    quiet: async (files, limitMs = PATIENCE_MS) => {
      const all = await until(
        () => quietDocuments(files, get, documents),
        `${files} documents and quiet; the log says: ${log().slice(-2000)}`,
        limitMs,
      );
      return new Map(all.map((document) => [document.uri, document]));
    },
    stop: () => end('SIGTERM'),
    kill: async () => void (await end('SIGKILL')),
  };
}

const Status = z.object({ jobs: z.number(), settling: z.number() });
const BUSY: ReadonlySet<string> = new Set(['seen', 'waiting', 'working']);

async function quietDocuments(
  files: number,
  get: Service['get'],
  documents: Service['documents'],
): Promise<Document[] | undefined> {
  const { jobs, settling } = Status.parse(await (await get('/api/status')).json());
  if (jobs > 0 || settling > 0) return undefined;
  const all = await documents();
  return all.length >= files && !all.some(({ state }) => BUSY.has(state)) ? all : undefined;
}
