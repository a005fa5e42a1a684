import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { createApp, type App } from '../app.ts';
import { LimnerError, systemCode } from '../errors.ts';
import type { Context } from '../command-line.ts';
import type { Config } from '../config.ts';

/** How a command reaches Limner: the running service over HTTP, or one that it starts for itself. */
export interface Service {
  /** The running service's address; undefined when the command started its own. */
  address: string | undefined;
  /** The parsed answer. Throws what the service answered as an error. */
  call<T>(
    schema: z.ZodType<T>,
    method: 'GET' | 'POST',
    path: string,
    body?: object | FormData,
    signal?: AbortSignal,
  ): Promise<T>;
  /** What stands at a path, as it is. */
  bytes(path: string, signal?: AbortSignal): Promise<{ type: string; bytes: Uint8Array }>;
  close(): Promise<void>;
}

const Failure = z.object({ error: z.object({ message: z.string(), code: z.string() }) });

/** A service that runs is asked; otherwise the data folder is opened here, without watching or listening. */
export async function openService(context: Context): Promise<Service> {
  const { config, log } = context;
  const running = await runningService(config);
  if (running) return running;
  // Who can write the data folder needs no key, so that this service has one that nobody else knows.
  const key = randomUUID();
  const app = await createApp({ ...config, apiKeys: [...config.apiKeys, key] }, log);
  // Addresses in answers are those that hold once the service runs.
  return local(app, { key, host: `localhost:${config.port}` });
}

/** The service of this configuration, where it runs. */
export async function runningService(config: Config): Promise<Service | undefined> {
  const address = addressOf(config);
  return (await answers(address)) ? remote(address, config.key) : undefined;
}

/** Where the service of this configuration answers. */
export function addressOf({ host, port }: Pick<Config, 'host' | 'port'>): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

async function answers(address: string): Promise<boolean> {
  try {
    const response = await fetch(`${address}/healthz`, { signal: AbortSignal.timeout(3000) });
    return response.ok;
  } catch (error) {
    if (error instanceof TypeError && systemCode(error.cause) !== undefined) return false;
    throw new LimnerError('store_unavailable', `What listens at ${address} does not answer as Limner does.`, {
      cause: error,
    });
  }
}

function headersFor(key: string | undefined, body: object | FormData | undefined): Record<string, string> {
  return {
    ...(key !== undefined && { authorization: `Bearer ${key}` }),
    ...(body !== undefined && !(body instanceof FormData) && { 'content-type': 'application/json' }),
  };
}

function remote(address: string, key: string | undefined): Service {
  return {
    address,
    async call(schema, method, path, body, signal) {
      const response = await fetch(address + path, {
        method,
        ...(signal && { signal }),
        headers: headersFor(key, body),
        ...(body && { body: body instanceof FormData ? body : JSON.stringify(body) }),
      });
      return understand(schema, response.status, await response.text());
    },
    async bytes(path, signal) {
      const response = await fetch(address + path, {
        headers: headersFor(key, undefined),
        ...(signal && { signal }),
      });
      if (!response.ok) understand(z.unknown(), response.status, await response.text());
      return {
        type: response.headers.get('content-type') ?? '',
        bytes: new Uint8Array(await response.arrayBuffer()),
      };
    },
    close: () => Promise.resolve(),
  };
}

async function local(app: App, as: { key: string; host: string }): Promise<Service> {
  await app.models.check();
  await app.start({ watch: false });
  return {
    address: undefined,
    async call(schema, method, path, body, signal) {
      const response = await app.server.inject({
        method,
        url: path,
        ...(signal && { signal }),
        ...(await payloadOf(as, body)),
      });
      return understand(schema, response.statusCode, response.body);
    },
    async bytes(path, signal) {
      const response = await app.server.inject({
        method: 'GET',
        url: path,
        ...(signal && { signal }),
        ...(await payloadOf(as, undefined)),
      });
      if (response.statusCode >= 400) understand(z.unknown(), response.statusCode, response.body);
      return { type: String(response.headers['content-type']), bytes: response.rawPayload };
    },
    close: () => app.close(),
  };
}

async function payloadOf({ key, host }: { key: string; host: string }, body: object | FormData | undefined) {
  const headers = { host, ...headersFor(key, body) };
  if (!(body instanceof FormData)) return { headers, ...(body && { payload: JSON.stringify(body) }) };
  const form = new Response(body);
  const type = form.headers.get('content-type') ?? '';
  return { headers: { ...headers, 'content-type': type }, payload: Buffer.from(await form.arrayBuffer()) };
}

function understand<T>(schema: z.ZodType<T>, status: number, text: string): T {
  const body: unknown = JSON.parse(text);
  if (status < 400) return schema.parse(body);
  const failure = Failure.safeParse(body);
  if (status === 401)
    throw new LimnerError('unauthorized', 'The service wants a key: set LIMNER_KEY, or give --key.');
  throw new LimnerError(
    'invalid_request',
    failure.success ? failure.data.error.message : `The service answered ${status}.`,
  );
}
