import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FastifyInstance } from 'fastify';
import { LimnerError } from '../errors.ts';
import type { StaticFiles } from './static-files.ts';

/** What the page imports from installed packages, by the names its modules use. */
const PACKAGES = ['preact', 'preact/hooks', 'htm', 'htm/preact', 'marked', 'dompurify', 'eventsource-parser'];

const WEB = new URL('../../web/', import.meta.url);
/** Names of files of the page, and nothing that leads out of its folder. */
const OWN_FILE = /^(?:[a-z][\w-]*\/){0,3}[a-z][\w-]*\.(?:js|css|svg)$/;
const FOREVER = 'public, max-age=31536000, immutable';

/** Nothing is loaded from elsewhere, and no text of a document can run; the viewer is framed beside an answer. */
const policy = (importMap: string): string =>
  [
    `default-src 'none'`,
    `script-src 'self' 'sha256-${createHash('sha256').update(importMap).digest('base64')}'`,
    `style-src 'self'`,
    `connect-src 'self'`,
    `img-src 'self' blob: data:`,
    `media-src 'self' blob:`,
    `frame-src 'self'`,
    `form-action 'self'`,
    `base-uri 'none'`,
    `frame-ancestors 'none'`,
  ].join('; ');

/** The page, without a build step: web/ as it is, and the packages it uses by an import map. */
export function pageRoutes(server: FastifyInstance, { files }: { files: StaticFiles }): void {
  const packages = PACKAGES.map(installed);
  const byAddress = new Map(packages.map(({ address, path }) => [address, path]));
  const importMap = JSON.stringify({
    imports: Object.fromEntries(packages.map(({ name, address }) => [name, `/web/vendor/${address}`])),
  });

  server.get('/', async (request, reply) => {
    const page = await files.text(fileURLToPath(new URL('index.html', WEB)));
    void reply
      .header('content-type', 'text/html; charset=utf-8')
      .header('content-security-policy', policy(importMap))
      .header('cache-control', 'no-cache');
    return files.sendText(
      request,
      reply,
      page.replace('<!-- importmap -->', `<script type="importmap">${importMap}</script>`),
    );
  });

  server.get<{ Params: { file: string } }>('/web/vendor/:file', async (request, reply) =>
    files.send(request, reply, byAddress.get(request.params.file) ?? '', FOREVER),
  );

  server.get<{ Params: { '*': string } }>('/web/*', async (request, reply) => {
    const name = request.params['*'];
    if (!OWN_FILE.test(name)) throw new LimnerError('not_found', 'There is no such file.');
    return files.send(request, reply, fileURLToPath(new URL(name, WEB)));
  });
}

/** The file that Node itself would import; its address changes with its content, so that it is kept for good. */
function installed(name: string): { name: string; path: string; address: string } {
  const path = fileURLToPath(import.meta.resolve(name));
  const content = createHash('sha256').update(readFileSync(path)).digest('hex').slice(0, 12);
  return { name, path, address: `${name.replace('/', '-')}-${content}${extname(path)}` };
}
