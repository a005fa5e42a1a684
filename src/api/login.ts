import { randomBytes } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { parse } from './failure.ts';
import type { Guard } from './guard.ts';
import { sha256, type Access, type Keys } from './keys.ts';

const COOKIE = 'limner_session';
const WEEK_S = 7 * 24 * 3600;
const SESSIONS = 1000;

export const LoginBody = z.strictObject({ key: z.string().min(1).max(500) });

const PAGE = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Limner</title><link rel="icon" href="/web/icon.svg"></head><body><main><h1>Limner</h1><form method="post" action="/login">
<label>API key <input name="key" type="password" autocomplete="current-password" required autofocus></label>
<button>Open</button></form></main></body></html>`;
const POLICY =
  "default-src 'none'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

export type Sessions = ReturnType<typeof createSessions>;

/** Who is logged in on the page, until the service stops; only hashes of the cookies are held. */
export function createSessions(keys: Keys) {
  const sessions = new Map<string, { access: Access; until: number }>();

  return {
    open(access: Access): string {
      const cookie = randomBytes(32).toString('base64url');
      sessions.set(nameOf(cookie), { access, until: Date.now() + WEEK_S * 1000 });
      const [oldest] = sessions.keys();
      if (sessions.size > SESSIONS && oldest !== undefined) sessions.delete(oldest);
      return cookie;
    },
    /** What the session may do now: a key that was revoked takes its sessions along. */
    find(cookie: string | undefined): Access | undefined {
      const session = cookie === undefined ? undefined : sessions.get(nameOf(cookie));
      if (!session || session.until < Date.now()) return undefined;
      return session.access.made ? keys.again(session.access.id) : session.access;
    },
    close(cookie: string | undefined): void {
      if (cookie !== undefined) sessions.delete(nameOf(cookie));
    },
  };
}

/** A session is kept under the hash of its cookie. */
function nameOf(cookie: string): string {
  return sha256(cookie).toString('hex');
}

/** The session's cookie out of the header. */
export function cookieOf(header: string | undefined): string | undefined {
  const pairs = (header ?? '').split(';').map((pair) => pair.trim().split('='));
  return pairs.find(([name]) => name === COOKIE)?.[1];
}

/** The page's login: a key for a cookie that no script can read and no other site can use. */
export function loginRoutes(
  server: FastifyInstance,
  parts: { guard: Guard; sessions: Sessions; secure: boolean },
): void {
  const { guard, sessions } = parts;
  const cookie = (value: string, seconds: number): string =>
    `${COOKIE}=${value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${seconds}${parts.secure ? '; Secure' : ''}`;

  server.get('/login', (_request, reply) =>
    reply
      .type('text/html; charset=utf-8')
      .header('content-security-policy', POLICY)
      // A page without a referrer sends its forms with the origin `null`.
      .header('referrer-policy', 'same-origin')
      .send(PAGE),
  );

  void server.register(async (scope) => {
    scope.addContentTypeParser(
      'application/x-www-form-urlencoded',
      { parseAs: 'string', bodyLimit: 4096 },
      (_request, body, done) => done(null, Object.fromEntries(new URLSearchParams(body.toString()))),
    );
    scope.post('/login', async (request, reply) => {
      const access = guard.prove(parse(LoginBody, request.body).key, request.ip);
      return reply.header('set-cookie', cookie(sessions.open(access), WEEK_S)).redirect('/', 303);
    });
    scope.post('/logout', async (request, reply) => {
      sessions.close(cookieOf(request.headers.cookie));
      return reply.header('set-cookie', cookie('', 0)).redirect('/login', 303);
    });
  });
}
