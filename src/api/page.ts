import { readFile } from 'node:fs/promises';
import type { FastifyInstance } from 'fastify';

/** The page's files; nothing else of the folder is served. */
const FILES: Readonly<Record<string, { file: string; type: string }>> = {
  '/': { file: 'index.html', type: 'text/html' },
  '/web/page.css': { file: 'page.css', type: 'text/css' },
  '/web/icon.svg': { file: 'icon.svg', type: 'image/svg+xml' },
  '/web/page.js': { file: 'page.js', type: 'text/javascript' },
  '/web/events.js': { file: 'events.js', type: 'text/javascript' },
};

/** Nothing is loaded from elsewhere, and no text of a document can run. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
  "form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/** A small page to ask and to add documents, without a build step. */
export function pageRoutes(server: FastifyInstance): void {
  for (const [path, { file, type }] of Object.entries(FILES))
    server.get(path, async (_request, reply) =>
      reply
        .header('content-type', `${type}; charset=utf-8`)
        .header('content-security-policy', POLICY)
        .header('cache-control', 'no-cache')
        .send(await readFile(new URL(`../../web/${file}`, import.meta.url))),
    );
}
