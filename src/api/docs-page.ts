import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { FastifyInstance } from 'fastify';

const FILES: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css',
  'swagger-ui-bundle.js': 'text/javascript',
};

const PAGE = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Limner's API</title>
<link rel="icon" href="/web/icon.svg">
<link rel="stylesheet" href="/docs/swagger-ui.css"></head><body><div id="api"></div>
<script src="/docs/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script></body></html>`;
/** Swagger UI has a dark dress and no eye for who wants it. */
const START = `const dark = matchMedia('(prefers-color-scheme: dark)');
const dress = () => document.documentElement.classList.toggle('dark-mode', dark.matches);
dark.addEventListener('change', dress);
dress();
SwaggerUIBundle({ url: '/openapi.json', dom_id: '#api' });`;

/** Swagger UI sets styles from its script and draws its icons from data URLs; nothing comes from elsewhere. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; " +
  "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** A page to try the API, served from here alone. */
export function docsRoutes(server: FastifyInstance): void {
  const folder = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
  server.get('/docs', (_request, reply) =>
    reply.type('text/html; charset=utf-8').header('content-security-policy', POLICY).send(PAGE),
  );
  server.get('/docs/start.js', (_request, reply) => reply.type('text/javascript').send(START));
  for (const [file, type] of Object.entries(FILES))
    server.get(`/docs/${file}`, async (_request, reply) =>
      reply.type(`${type}; charset=utf-8`).send(await readFile(join(folder, file))),
    );
}
