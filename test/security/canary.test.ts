import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { readDescription } from '../api/described.ts';
import { listen, stopListening } from '../fakes/listen.ts';
import { removeFolder, startService, temporaryFolder, type Service } from '../service.ts';
import { until } from '../until.ts';

const canary = (name: string): string => `canary-${name}-${Math.random().toString(36).slice(2)}`;
const SECRETS = {
  admin: canary('admin'),
  second: canary('second'),
  webhook: `whsec_${Buffer.from(canary('webhook')).toString('base64')}`,
  ollama: canary('ollama'),
  chat: canary('chat'),
  embed: canary('embed'),
  transcribe: canary('transcribe'),
  comfyToken: canary('comfytoken'),
  comfyPassword: canary('comfypassword'),
  qdrant: canary('qdrant'),
};

/** A server that refuses everything, and repeats the key it was shown, as some do. */
function refuse(request: IncomingMessage, response: ServerResponse): void {
  const { authorization = '', 'api-key': key = '' } = request.headers;
  const plain = authorization.startsWith('Basic ')
    ? Buffer.from(authorization.slice(6), 'base64').toString()
    : authorization;
  const message = `Incorrect API key provided: ${plain} (${authorization}) ${String(key)}`;
  const error = request.url?.startsWith('/api/') ? message : { message, type: 'invalid_request_error' };
  response.writeHead(request.url?.includes('models') ? 500 : 401, {
    'content-type': 'application/json',
    'www-authenticate': message,
  });
  response.end(JSON.stringify({ error, status: { error: message } }));
}

const echo = createServer(refuse);
const port = await listen(echo, 0);
afterAll(() => stopListening(echo));
const base = `127.0.0.1:${port}`;

/** Every setting that holds a secret, and every address that can. */
const SETTINGS: Record<string, string> = {
  LIMNER_API_KEYS: `${SECRETS.admin},${SECRETS.second}`,
  LIMNER_WEBHOOK_SECRETS: SECRETS.webhook,
  LIMNER_CHAT_URL: `http://${base}/v1`,
  LIMNER_CHAT_KEY: SECRETS.chat,
  LIMNER_CHAT_MODEL: 'm',
  LIMNER_EMBED_URL: `http://${base}/v1`,
  LIMNER_EMBED_KEY: SECRETS.embed,
  LIMNER_EMBED_MODEL: 'e',
  LIMNER_TRANSCRIBE_URL: `http://${base}/v1`,
  LIMNER_TRANSCRIBE_KEY: SECRETS.transcribe,
  COMFYUI_URL: `http://${SECRETS.comfyToken}@${base},http://user:${SECRETS.comfyPassword}@${base}/two`,
  LIMNER_LOG_LEVEL: 'debug',
};
const OLLAMA = { ...SETTINGS, OLLAMA_HOST: `http://user:${SECRETS.ollama}@${base}` };

/** How a secret may be spelt. */
function spellings(secret: string): string[] {
  return [secret, encodeURIComponent(secret), Buffer.from(`user:${secret}`).toString('base64')];
}

function expectNoSecret(text: string, where: string, allowed: readonly string[] = []): void {
  for (const [name, secret] of Object.entries(SECRETS))
    if (!allowed.includes(secret))
      for (const one of spellings(secret))
        expect(text.includes(one), `${name} stands in ${where}: ${around(text, one)}`).toBe(false);
}

function around(text: string, word: string): string {
  const at = text.indexOf(word);
  return text.slice(Math.max(0, at - 200), at + 50);
}

const WithId = z.looseObject({ id: z.string(), secret: z.string().optional(), key: z.string().optional() });

describe.each([
  ['servers of OpenAI’s API', SETTINGS],
  [
    'Ollama and Qdrant',
    Object.fromEntries(
      Object.entries({ ...OLLAMA, QDRANT_URL: `http://${base}`, QDRANT_API_KEY: SECRETS.qdrant }).filter(
        ([name]) => !/_(CHAT|EMBED)_/.test(name),
      ),
    ),
  ],
])('with %s that repeat their keys', (_name, settings) => {
  let folder: string;
  let service: Service;
  const authorization = `Bearer ${SECRETS.admin}`;
  const answers: string[] = [];

  async function call(method: string, path: string, body?: unknown, key = authorization) {
    const response = await fetch(service.url + path, {
      method,
      headers: {
        authorization: key,
        ...(body !== undefined && !(body instanceof FormData) && { 'content-type': 'application/json' }),
      },
      signal: AbortSignal.timeout(path === '/api/events' ? 1500 : 15_000),
      ...(body !== undefined && { body: body instanceof FormData ? body : JSON.stringify(body) }),
    });
    let text = '';
    try {
      for await (const part of response.body ?? []) text += new TextDecoder().decode(part);
    } catch {
      // The stream of events never ends by itself.
    }
    answers.push(`${method} ${path}\n${JSON.stringify([...response.headers])}\n${text}`);
    return { status: response.status, text };
  }

  beforeAll(async () => {
    folder = await temporaryFolder();
    service = await startService(folder, settings);
  });
  afterAll(async () => {
    await service.kill();
    await removeFolder(folder);
  });

  test('no answer, event, log line or process shows one', async () => {
    const events = call('GET', '/api/events');
    const form = new FormData();
    form.set('file', new File(['The heron stands.'], `a\nb\u001b[31m${'x'.repeat(100)}.txt`));
    await call('POST', '/api/documents', form);
    const readers = await until(() => {
      const found = readersOf(service.process.pid ?? 0);
      return found.length > 0 ? found : undefined;
    }, 'a reader to begin');
    await call('POST', '/api/documents', { text: 'A bittern.', title: '\u001b[2J\r\n{"level":50}' });
    await until(
      async () => (await call('GET', '/api/status')).text.includes('"jobs":0'),
      'the work',
      3_000,
    ).catch(() => undefined);
    const hook = WithId.parse(
      JSON.parse((await call('POST', '/api/webhooks', { url: `http://${base}/hook` })).text),
    );
    const made = WithId.parse(
      JSON.parse((await call('POST', '/api/keys', { name: 'x', scopes: ['read'] })).text),
    );
    const own = [hook.secret ?? '', made.key ?? ''];
    for (const secret of own) expect(secret.length).toBeGreaterThan(20);
    // What was shown once, to who made it, is not looked at.
    answers.splice(-2);
    await call('POST', '/api/documents', { text: 'A rail.' });
    const messages = [{ role: 'user', content: 'Where is the heron?' }];
    for (const model of ['limner', 'm', 'none'])
      for (const stream of [false, true])
        await call('POST', '/v1/chat/completions', { model, messages, stream });
    await call('POST', '/v1/responses', { model: 'limner', input: 'Where?' });
    await call('POST', '/v1/embeddings', { model: 'limner', input: 'heron' });
    await call('POST', '/api/ask', { question: 'Where is the heron?', illustrate: true });
    await call('POST', '/v1/images/generations', { prompt: 'a heron' });
    const recording = new FormData();
    recording.set('model', 'x');
    recording.set('file', new File(['RIFF....WAVE'], 'a.wav'));
    await call('POST', '/v1/audio/transcriptions', recording);
    await call('POST', '/webhooks/process', { filepath: '../../etc/passwd' });
    await call('GET', '/nowhere', undefined, `Bearer ${SECRETS.second}x`);
    const { routes } = readDescription(JSON.parse((await call('GET', '/openapi.json')).text));
    for (const { method, url } of routes) {
      if (url === '/api/events' || url === '/logout') continue;
      const path = url.replaceAll(/\{\w+\}/g, 'none');
      await call(method, path, method === 'GET' ? undefined : { wrong: SECRETS.chat.length });
    }
    await events;
    for (const answer of answers) expectNoSecret(answer, answer.split('\n', 1)[0] ?? '');
    for (const secret of own)
      for (const answer of answers) expect(answer.includes(secret), answer.split('\n', 1)[0]).toBe(false);

    const log = service.log();
    expect(log.length).toBeGreaterThan(200);
    expectNoSecret(log, 'the log');
    for (const secret of own) expect(log).not.toContain(secret);
    // One line each, whatever a name holds.
    for (const line of log.trim().split('\n'))
      expect(z.looseObject({}).safeParse(JSON.parse(line)).success).toBe(true);
    expect(log).not.toContain('\u001b');
    for (const reader of readers) expectNoSecret(reader, 'a reader’s environment or arguments');
  }, 120_000);

  test('no command and no start that fails shows one', async () => {
    const env = { ...settings, LIMNER_PORT: new URL(service.url).port };
    for (const [args, more] of [
      [['status'], {}],
      [['doctor'], {}],
      [['search', 'heron'], {}],
      [['ask', 'heron?'], {}],
      [['serve'], { LIMNER_PORT: 'eighty' }],
      [['serve'], { COMFYUI_URL: `ftp://user:${SECRETS.comfyPassword}@x` }],
      [['serve'], { LIMNER_CHAT_URL: `ftp://user:${SECRETS.chat}@x` }],
      [['serve'], { LIMNER_DATA: `${folder}/elsewhere` }],
      [['keys', 'list'], {}],
      [['status', `--key=${SECRETS.second}x`], {}],
    ] as const)
      expectNoSecret(await printed(args, { ...env, ...more }), `limner ${args.join(' ')}`);
  }, 120_000);

  /** What a command writes, on both ways out. */
  function printed(args: readonly string[], env: Record<string, string>): Promise<string> {
    const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
    const options = { cwd: folder, env: { PATH: process.env['PATH'], ...env } };
    return new Promise((resolve) => {
      execFile(process.execPath, [main, ...args], options, (_error, out, err) => resolve(out + err));
    });
  }
});

/** Arguments and environment of the children of a process. */
function readersOf(parent: number): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
        if (Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) !== parent) return [];
        return [readFileSync(`/proc/${pid}/cmdline`, 'utf8') + readFileSync(`/proc/${pid}/environ`, 'utf8')];
      } catch {
        return []; // It has ended.
      }
    });
}
