import { AsyncLocalStorage } from 'node:async_hooks';
import type { FastifyRequest } from 'fastify';
import { LimnerError } from '../errors.ts';
import type { Filter } from '../ingest/filter.ts';
import type { Access, Keys, Scope } from './keys.ts';

/** Routes that only read, whatever their method. */
const READS: ReadonlySet<string> = new Set([
  '/api/search',
  '/api/ask',
  '/v1/chat/completions',
  '/v1/responses',
  '/v1/embeddings',
  '/v1/vector_stores/:id/search',
  // One's own, and nothing of a document changes.
  '/api/conversations',
  '/api/conversations/:id',
  '/api/conversations/:id/turns',
  '/mcp', // each tool is a request of its own to these routes
  '/logout',
]);

/** What concerns the service as a whole. */
const ADMIN = [
  '/api/keys',
  '/api/index',
  '/api/inbox',
  '/api/webhooks',
  '/api/verify',
  '/api/settings',
  '/api/system',
  '/api/pulls',
  '/metrics',
];

/**
 * Routes whose documents all come through the ports below. A key with collections gets these and no others, so a new
 * route is closed to it until it is named here, and test/security walks them all.
 */
const BY_COLLECTION: ReadonlySet<string> = new Set([
  '/',
  '/api/search',
  '/api/ask',
  '/api/documents',
  '/api/documents/:id',
  '/api/documents/:id/reindex',
  '/api/documents/:id/file',
  '/api/documents/:id/figures',
  '/api/documents/:id/figures/:figure',
  '/api/documents/:id/words',
  '/api/documents/:id/text',
  '/api/documents/:id/chunks',
  '/api/conversations',
  '/api/conversations/:id',
  '/api/conversations/:id/turns',
  '/api/conversations/:id/export',
  '/api/collections',
  '/documents/:id',
  '/api/status',
  '/api/events',
  '/api/jobs',
  '/api/jobs/:id',
  '/api/jobs/:id/retry',
  '/v1/models',
  '/v1/models/*',
  '/v1/chat/completions',
  '/v1/embeddings',
  '/v1/audio/transcriptions',
  '/openapi.json',
  '/docs',
  '/mcp',
  '/logout',
]);
/** Files of the pages, and whole groups of routes whose ports are limited. */
const OPEN = ['/web/', '/pdfjs/', '/docs/', '/v1/files', '/v1/vector_stores', '/v1/responses'];

/** The scope that a route needs. */
export function scopeFor(method: string, url: string): Scope {
  if (ADMIN.some((prefix) => url === prefix || url.startsWith(`${prefix}/`))) return 'admin';
  return method === 'GET' || method === 'HEAD' || READS.has(url) ? 'read' : 'write';
}

/** @throws LimnerError `forbidden` when the key's scopes or collections do not reach the route. */
export function checkAccess(access: Access, request: FastifyRequest): void {
  const url = request.routeOptions.url ?? '';
  const needed = scopeFor(request.method, url);
  if (!access.scopes.includes(needed) && !access.scopes.includes('admin'))
    throw new LimnerError('forbidden', `This key lacks the scope "${needed}".`);
  if (access.collections && !BY_COLLECTION.has(url) && !OPEN.some((prefix) => url.startsWith(prefix)))
    throw new LimnerError('forbidden', 'This key is for some collections, and this route concerns them all.');
}

interface Narrowed {
  collection?: string;
  documents?: readonly string[];
  within?: readonly string[];
}

export type AccessScope = ReturnType<typeof createAccessScope>;

/** Carries the access of the request under way to the ports that its handler calls. */
export function createAccessScope(matching: (filter: Filter) => string[], keys: Pick<Keys, 'again'>) {
  const storage = new AsyncLocalStorage<Access>();

  function current(): Access {
    const access = storage.getStore();
    if (!access) throw new Error('a port of the API was called outside of a request');
    return access;
  }

  const reaches = (collection: string): boolean => current().collections?.includes(collection) ?? true;

  /** @throws LimnerError `forbidden`; the same for collections that are there and that are not. */
  function check(collection: string): void {
    if (!reaches(collection))
      throw new LimnerError('forbidden', `This key does not reach the collection ${collection}.`, {
        param: 'collection',
      });
  }

  return {
    run: <T>(access: Access, work: () => T): T => storage.run(access, work),
    reaches,
    check,
    /** Whether the key has the scope, as every admin's has. */
    has: (wanted: Scope): boolean => current().scopes.some((one) => one === wanted || one === 'admin'),
    /** Whose request it is: the id of the key. */
    owner: (): string => current().id,
    /** What tells, as long as the request lasts, whether its key has not been revoked and has not expired. */
    lasting(): () => boolean {
      const { id, made } = current();
      return () => !made || keys.again(id) !== undefined;
    },
    /** How the key wants sources told; undefined where it does not say. */
    sources: () => current().sources,
    /** The key's collections; undefined when it reaches all. */
    collections: () => current().collections,

    /** The same question of no more than the key's collections. */
    narrow<Q extends Narrowed>(query: Q): Q {
      const { collections } = current();
      if (!collections) return query;
      if (query.collection !== undefined) {
        check(query.collection);
        return query;
      }
      const [only] = collections;
      if (collections.length === 1 && only !== undefined) return { ...query, collection: only };
      const inside = matching({ type: 'in', key: 'collection', value: [...collections] });
      const asked = query.documents && new Set(query.documents);
      return {
        ...query,
        documents: asked ? inside.filter((id) => asked.has(id)) : inside,
        within: collections,
      };
    },
  };
}
