import { z } from 'zod';
import { Refusal } from './qdrant-refusal.ts';
import { createFakeCollection, type FakeCollection } from './qdrant-collection.ts';

const Actions = z.object({
  actions: z.array(
    z.union([
      z.object({ create_alias: z.object({ collection_name: z.string(), alias_name: z.string() }) }),
      z.object({ delete_alias: z.object({ alias_name: z.string() }) }),
    ]),
  ),
});

/** Collections and aliases of the fake, and the routes about them. */
export function createFakeCollections() {
  const collections = new Map<string, FakeCollection>();
  const aliases = new Map<string, string>();

  const find = (name: string): FakeCollection | undefined => collections.get(aliases.get(name) ?? name);

  function changeAliases(body: unknown): unknown {
    for (const action of Actions.parse(body).actions) {
      if ('delete_alias' in action) {
        aliases.delete(action.delete_alias.alias_name);
        continue;
      }
      const { alias_name: alias, collection_name: name } = action.create_alias;
      if (!collections.has(name)) return missing(name);
      if (collections.has(alias)) return new Refusal(409, `Wrong input: there is a collection ${alias}`);
      aliases.set(alias, name);
    }
    return true;
  }

  function handleCollection(method: string, name: string, body: unknown): unknown {
    if (method === 'PUT') {
      if (find(name)) return new Refusal(409, `Wrong input: Collection \`${name}\` already exists!`);
      collections.set(name, createFakeCollection(body));
      return true;
    }
    const collection = find(name);
    if (method === 'DELETE') {
      for (const [alias, of] of aliases) if (of === name) aliases.delete(alias);
      return collections.delete(name);
    }
    return collection ? collection.info() : missing(name);
  }

  return {
    aliases,
    all: collections,
    find,
    handle(method: string, path: string, body: unknown, version: string): unknown {
      if (path === '/') return { title: 'qdrant - vector search engine', version };
      if (path === '/aliases')
        return {
          aliases: [...aliases].map(([alias_name, collection_name]) => ({ alias_name, collection_name })),
        };
      if (path === '/collections/aliases') return changeAliases(body);
      const [, name = '', rest = ''] = /^\/collections\/([^/]+)(.*)$/.exec(path) ?? [];
      const decoded = decodeURIComponent(name);
      if (rest === '/exists') return { exists: collections.has(decoded) || aliases.has(decoded) };
      if (rest === '') return handleCollection(method, decoded, body);
      return find(decoded)?.handle(method, rest, body) ?? missing(decoded);
    },
  };
}

function missing(name: string): Refusal {
  return new Refusal(404, `Not found: Collection \`${name}\` doesn't exist!`);
}
