import type { ServerResponse } from 'node:http';

/** The bare words that Python writes are put in where a node gave them. */
export function json(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body).replaceAll('"<NaN>"', 'NaN');
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' });
  response.end(text);
}

export function plain(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(text);
}

export function broken(response: ServerResponse): void {
  plain(response, 500, '500 Internal Server Error\n\nServer got itself in trouble');
}

export function empty(response: ServerResponse, status: number): void {
  response.writeHead(status, { 'content-length': 0 });
  response.end();
}

export function octets(response: ServerResponse): void {
  response.writeHead(404, { 'content-type': 'application/octet-stream' });
  response.end();
}

/** Ids and names in a path as `*`. */
export function starred(path: string): string {
  return path === '/api/jobs/cancel'
    ? path
    : path.replace(/^(\/api\/jobs|\/history|\/models|\/object_info)\/[^/]+/, '$1/*');
}
