import type { IncomingMessage, ServerResponse } from 'node:http';
import { broken, empty, json, plain } from './comfyui-replies.ts';

export interface FileSettings {
  /** Downloads break after this many bytes, once. */
  cutDownloads: number;
  /** `/view` answers 200 with HTML. */
  liesOnView: boolean;
  /** `/view` has lost this many files that were made. */
  losesFiles: number;
}

interface Uploaded {
  name: string;
  subfolder: string;
  bytes: number;
}

/** What was written before a cut shall have arrived. */
const ARRIVES_MS = 100;
const ROOTS: ReadonlySet<string> = new Set(['input', 'output', 'temp']);
const isEscape = (path: string): boolean => path.split('/').includes('..') || path.startsWith('/');
const keyOf = (type: string, folder: string, name: string): string => `${type}:${folder}/${name}`;

/** The files of the fake: uploads and `/view`, with the statuses of the recording. */
export function createFiles(files: Map<string, Buffer>, settings: FileSettings, uploads: Uploaded[]) {
  async function upload(
    body: Buffer,
    request: IncomingMessage,
    response: ServerResponse,
    isMask: boolean,
  ): Promise<void> {
    const headers = { 'content-type': request.headers['content-type'] ?? '' };
    const form = await new Response(new Uint8Array(body), { headers }).formData().catch(() => new FormData());
    const text = (name: string, fallback = ''): string => {
      const value = form.get(name);
      return typeof value === 'string' ? value : fallback;
    };
    const file = form.get('image');
    const [subfolder, type] = [text('subfolder'), text('type', 'input')];
    if (!ROOTS.has(type) || (isMask && !form.has('original_ref'))) return broken(response);
    if (!(file instanceof File) || isEscape(subfolder) || isEscape(file.name)) return empty(response, 400);
    const bytes = Buffer.from(await file.arrayBuffer());
    const isKept = text('overwrite') !== 'true';
    const name = isKept ? freeName(type, subfolder, file.name, bytes) : file.name;
    // It says 200 also where the picture that the mask belongs to is not there, and writes nothing.
    const reference = isMask ? JSON.parse(text('original_ref')) : undefined;
    const original =
      reference && keyOf(reference.type ?? 'output', reference.subfolder ?? '', reference.filename);
    if (original === undefined || files.has(original)) files.set(keyOf(type, subfolder, name), bytes);
    uploads.push({ name, subfolder, bytes: bytes.length });
    json(response, 200, { name, subfolder, type });
  }

  /** The same bytes under the same name stay; other bytes get another name. */
  function freeName(type: string, folder: string, name: string, bytes: Buffer): string {
    const at = name.lastIndexOf('.');
    for (let number = 0; ; number++) {
      const tried = number === 0 ? name : `${name.slice(0, at)} (${number})${name.slice(at)}`;
      const there = files.get(keyOf(type, folder, tried));
      if (!there || there.equals(bytes)) return tried;
    }
  }

  function view(query: URLSearchParams, request: IncomingMessage, response: ServerResponse): void {
    const [, name = '', root] =
      /^(.*?)(?: \[(input|output|temp)\])?$/.exec(query.get('filename') ?? '') ?? [];
    const type = root ?? query.get('type') ?? 'output';
    const folder = query.get('subfolder') ?? '';
    if (settings.liesOnView) return plain(response, 200, '<html>login</html>');
    if (name === '') return empty(response, 404);
    if (isEscape(name) || !ROOTS.has(type)) return empty(response, 400);
    if (isEscape(folder)) return empty(response, 403);
    const bytes = files.get(keyOf(type, folder, name));
    if (!bytes || (settings.losesFiles > 0 && settings.losesFiles--)) return empty(response, 404);
    const [, first = '0', last = ''] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
    const isPart = request.headers.range !== undefined;
    const part = bytes.subarray(Number(first), last === '' ? undefined : Number(last) + 1);
    response.writeHead(isPart ? 206 : 200, {
      'content-type': 'image/png',
      'content-length': part.length,
      'accept-ranges': 'bytes',
      'content-disposition': `filename="${name}"`,
      ...(isPart && {
        'content-range': `bytes ${first}-${Number(first) + part.length - 1}/${bytes.length}`,
      }),
    });
    const cut = settings.cutDownloads;
    settings.cutDownloads = 0;
    if (request.method === 'HEAD') response.end();
    else if (cut > 0)
      response.write(part.subarray(0, cut), () => void setTimeout(() => response.destroy(), ARRIVES_MS));
    else response.end(part);
  }

  return { upload, view };
}
