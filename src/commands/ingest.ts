import { openAsBlob } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, join, relative, resolve, sep } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { z } from 'zod';
import { LimnerError, systemCode } from '../errors.ts';
import type { Context } from '../command-line.ts';
import { createProgress } from './progress.ts';
import { openService, type Service } from './service.ts';

const Document = z.object({
  id: z.string(),
  uri: z.string(),
  state: z.string(),
  chunks: z.number(),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
});
type Document = z.infer<typeof Document>;

const DONE: ReadonlySet<string> = new Set(['searchable', 'empty', 'failed', 'gone']);
const LOOK_EVERY_MS = 100;

/** Files inside the inbox are read where they lie; others are sent, and kept by Limner. */
export async function ingest(context: Context): Promise<number> {
  const files = (await Promise.all(context.args.map(filesAt))).flat();
  if (files.length === 0)
    throw new LimnerError('invalid_request', 'Name at least one file or folder with files.');
  const service = await openService(context);
  const progress = createProgress('reading', files.length);
  const failed: Document[] = [];
  try {
    for (const file of files) {
      const document = await untilDone(service, await send(service, context, file));
      progress.step(document.uri);
      if (document.state !== 'searchable') failed.push(document);
    }
  } finally {
    progress.end();
    await service.close();
  }
  process.stdout.write(`${files.length - failed.length} of ${files.length} searchable\n`);
  for (const { uri, state, error } of failed)
    process.stdout.write(`  ${JSON.stringify(uri)}: ${error?.message ?? state}\n`);
  return failed.length === 0 ? 0 : 1;
}

async function send(service: Service, { config }: Context, file: string): Promise<Document> {
  const inside = relative(config.inbox, file);
  if (inside !== '..' && !inside.startsWith(`..${sep}`))
    return service.call(Document, 'POST', '/webhooks/process', { filepath: inside });
  const form = new FormData();
  form.set('external_id', file);
  form.set('title', basename(file));
  form.set('file', await openAsBlob(file), basename(file));
  return service.call(Document, 'POST', '/api/documents', form);
}

async function untilDone(service: Service, document: Document): Promise<Document> {
  let now = document;
  while (!DONE.has(now.state)) {
    await after(LOOK_EVERY_MS);
    now = await service.call(Document, 'GET', `/api/documents/${now.id}`);
  }
  return now;
}

async function filesAt(path: string): Promise<string[]> {
  const full = resolve(path);
  try {
    if (!(await stat(full)).isDirectory()) return [full];
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    throw new LimnerError('not_found', `There is no file ${full}.`, { cause: error });
  }
  const entries = await readdir(full, { withFileTypes: true, recursive: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}
