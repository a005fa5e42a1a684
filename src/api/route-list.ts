import type { FastifyInstance } from 'fastify';

export interface Route {
  method: string;
  /** As Fastify takes it: `/api/documents/:id`. */
  url: string;
}

/** Every route that is added to the server from now on, so that what lists or walks them cannot miss one. */
export function createRouteList(server: FastifyInstance) {
  const routes: Route[] = [];
  server.addHook('onRoute', ({ url, method }) => {
    for (const one of [method].flat()) routes.push({ method: one, url });
  });
  return {
    all: (): readonly Route[] => routes,
    /** The methods that are there for an address. */
    methodsOf: (path: string): string[] => [
      ...new Set(routes.filter(({ url }) => patternOf(url).test(path)).map(({ method }) => method)),
    ],
  };
}

function patternOf(url: string): RegExp {
  const escaped = url.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`);
  return new RegExp(`^${escaped.replaceAll(/:\w+/g, '[^/]+').replaceAll('*', '.*')}$`);
}
