import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { LimnerError } from '../errors.ts';
import type { StaticFiles } from './static-files.ts';

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

/** A worker has the policy that it is sent with: it decodes pictures and reads fonts of ours, nothing else. */
const WORKER_POLICY = `default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'`;

const AN_HOUR = 'max-age=3600';

/** pdf.js from its installed package; the viewer's own files are the page's. */
export function viewerFileRoutes(server: FastifyInstance, files: StaticFiles): void {
  const root = dirname(createRequire(import.meta.url).resolve('pdfjs-dist/package.json'));

  server.get<{ Params: { folder: string; file: string } }>('/pdfjs/:folder/:file', async (request, reply) => {
    const { folder, file } = request.params;
    void reply.header('content-security-policy', WORKER_POLICY);
    return files.send(request, reply, pathOf(root, folder, file), AN_HOUR);
  });
  server.get<{ Params: { file: string } }>('/pdfjs/web/images/:file', async (request, reply) =>
    files.send(request, reply, pathOf(root, 'images', request.params.file), AN_HOUR),
  );
}

/** No name leads out of its folder, and none but files of the package are there. Throws `not_found`. */
function pathOf(root: string, folder: string, file: string): string {
  const inside = Object.hasOwn(FOLDERS, folder) ? FOLDERS[folder] : undefined;
  const isKnown = inside !== undefined && /^[\w-][\w.-]*$/.test(file) && !file.endsWith('.map');
  if (!isKnown) throw new LimnerError('not_found', 'There is no such file.');
  return join(root, inside, file);
}
