import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, extname, join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { LimnerError } from '../errors.ts';

/** Folders of pdfjs-dist that a browser needs, by how they are called here. The legacy build runs in older ones. */
const FOLDERS: Readonly<Record<string, string>> = {
  build: 'legacy/build',
  web: 'legacy/web',
  images: 'legacy/web/images',
  cmaps: 'cmaps',
  fonts: 'standard_fonts',
  wasm: 'wasm',
  iccs: 'iccs',
};

const TYPES: Readonly<Record<string, string>> = {
  '.mjs': 'text/javascript; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
  '.ttf': 'font/ttf',
};

/** A worker has the policy that it is sent with: it decodes pictures and reads fonts of ours, nothing else. */
const WORKER_POLICY = `default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'`;

/** pdf.js from its installed package; the viewer's own files are the page's. */
export function viewerFileRoutes(server: FastifyInstance): void {
  const root = dirname(createRequire(import.meta.url).resolve('pdfjs-dist/package.json'));

  server.get<{ Params: { folder: string; file: string } }>(
    '/pdfjs/:folder/:file',
    async ({ params }, reply) => {
      const path = await pathOf(root, params.folder, params.file);
      return reply
        .header('content-type', TYPES[extname(path)] ?? 'application/octet-stream')
        .header('content-security-policy', WORKER_POLICY)
        .header('cache-control', 'max-age=3600')
        .send(createReadStream(path));
    },
  );
  server.get<{ Params: { file: string } }>('/pdfjs/web/images/:file', async ({ params }, reply) =>
    reply
      .header('content-type', TYPES[extname(params.file)] ?? 'application/octet-stream')
      .header('cache-control', 'max-age=3600')
      .send(createReadStream(await pathOf(root, 'images', params.file))),
  );
}

/** No name leads out of its folder, and none but files of the package are there. Throws `not_found`. */
async function pathOf(root: string, folder: string, file: string): Promise<string> {
  const inside = Object.hasOwn(FOLDERS, folder) ? FOLDERS[folder] : undefined;
  const path = join(root, inside ?? '', file);
  const known = inside !== undefined && /^[\w-][\w.-]*$/.test(file) && !file.endsWith('.map');
  const isFile =
    known &&
    (await stat(path).then(
      (found) => found.isFile(),
      () => false,
    ));
  if (!isFile) throw new LimnerError('not_found', 'There is no such file.');
  return path;
}
