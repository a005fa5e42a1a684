import { createHash } from 'node:crypto';
import { z } from 'zod';
import { LimnerError } from '../errors.ts';
import type { QdrantOptions, QdrantServer } from './qdrant-server.ts';

/** The sparse vector of a chunk's words, and that of all its document's, which the last of its chunks has. */
export const KEYWORDS = 'bm25';
export const DOCUMENT_KEYWORDS = 'bm25_document';

/** The first release that adds a named vector to a collection that is there (May 2026). */
const OLDEST = [1, 18] as const;

const Version = z.object({ version: z.string() });
const Aliases = z.object({
  aliases: z.array(z.object({ alias_name: z.string(), collection_name: z.string() })),
});
const Info = z.object({
  config: z.object({
    params: z.object({
      vectors: z.record(z.string(), z.object({ size: z.number() }).optional()).nullish(),
      sparse_vectors: z.record(z.string(), z.unknown()).nullish(),
    }),
    metadata: z.object({ limner: z.string(), language: z.string() }).partial().nullish(),
  }),
});

/** Fields of a point that are asked for, with their indexes. */
const INDEXED = {
  document_id: 'keyword',
  collection: 'keyword',
  key: 'keyword',
  revision: 'integer',
  ordinal: 'integer',
} as const;

/** What a collection is known by: whose it is, and the language of its words. */
interface Mark {
  owner: string;
  language: string;
}

export type Collection = ReturnType<typeof createCollection>;

/** The collection behind the alias: made when it is first needed, and never taken from somebody else. */
export function createCollection(options: QdrantOptions, server: QdrantServer) {
  const alias = options.collection;
  /** Dimensions of the dense vectors by their names. */
  let sizes = new Map<string, number>();
  let version = '';

  async function checkVersion(): Promise<void> {
    ({ version } = Version.parse(await server.ask((client) => client.versionInfo())));
    const [major = 0, minor = 0] = version.split('.').map(Number);
    if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return;
    throw new LimnerError(
      'store_unavailable',
      `Qdrant at ${server.address} is ${version}; Limner needs ${OLDEST.join('.')} or newer.`,
    );
  }

  /** The collection that has our alias. */
  async function resolve(): Promise<string | undefined> {
    const { aliases } = Aliases.parse(await server.ask((client) => client.getAliases()));
    return aliases.find(({ alias_name: name }) => name === alias)?.collection_name;
  }

  async function look(name: string, { owner, language }: Mark): Promise<void> {
    const { params, metadata } = Info.parse(await server.ask((client) => client.getCollection(name))).config;
    if (metadata?.limner !== owner || !params.sparse_vectors?.[DOCUMENT_KEYWORDS])
      throw foreign(
        `the alias ${alias} belongs to ${metadata?.limner ? 'another data folder' : 'a collection that Limner did not make'}`,
      );
    if (metadata?.language !== language)
      throw new LimnerError(
        'store_unavailable',
        `The words in Qdrant (${alias}) were stored for the language ${metadata?.language ?? 'en'}, and LIMNER_LANGUAGE is ${language}: set it back, or store them anew with \`limner store reset\`.`,
      );
    sizes = new Map(
      Object.entries(params.vectors ?? {}).flatMap(([vector, one]) => (one ? [[vector, one.size]] : [])),
    );
  }

  const foreign = (what: string): LimnerError =>
    new LimnerError(
      'store_unavailable',
      `In Qdrant at ${server.address} ${what}; set QDRANT_COLLECTION to a name of its own, or remove that there.`,
    );

  /** Made whole before it gets the alias, so that a crash leaves nothing that looks finished. */
  async function make(mark: Mark): Promise<void> {
    const taken = await server.ask((client) => client.collectionExists(alias));
    if (taken.exists) throw foreign(`there is a collection ${alias} that Limner did not make`);
    const name = `${alias}_${mark.owner}`;
    const { exists } = await server.ask((client) => client.collectionExists(name));
    if (!exists) await server.ask((client) => client.createCollection(name, settings(mark)));
    for (const [field_name, field_schema] of Object.entries(INDEXED))
      await server.ask((client) => client.createPayloadIndex(name, { field_name, field_schema, wait: true }));
    const action = { create_alias: { collection_name: name, alias_name: alias } };
    await server.ask((client) => client.updateCollectionAliases({ actions: [action] }));
    sizes = new Map();
  }

  const settings = ({ owner, language }: Mark) => ({
    sparse_vectors: {
      [KEYWORDS]: { modifier: 'idf' as const },
      [DOCUMENT_KEYWORDS]: { modifier: 'idf' as const },
    },
    // For every dense vector that is added later: a byte per dimension in memory, rescored from the floats.
    quantization_config: { scalar: { type: 'int8' as const, always_ram: true } },
    metadata: { limner: owner, language },
    ...(options.shards !== undefined && { shard_number: options.shards }),
    ...(options.replicas !== undefined && {
      replication_factor: options.replicas,
      // A write counts when most copies have it, and a copy that missed one answers no more until it has caught up. So a read
      // asks any one: "majority" wants an answer of every copy, and leaves out what they score differently.
      write_consistency_factor: Math.floor(options.replicas / 2) + 1,
    }),
  });

  return {
    alias,
    version: () => version,
    /**
     * Makes the collection where there is none and `isNew`. Throws `store_unavailable` for one that is gone, is somebody
     * else's, or lies on a server that is too old.
     */
    async open(mark: Mark, isNew: boolean): Promise<void> {
      await checkVersion();
      const name = await resolve();
      if (name !== undefined) return look(name, mark);
      if (isNew) return make(mark);
      throw new LimnerError(
        'store_unavailable',
        `The collection ${alias} is gone from Qdrant at ${server.address}; restore it from a snapshot and give it the alias, or begin anew with \`limner store reset\`.`,
      );
    },
    vectors: (): string[] => [...sizes.keys()],
    /** Dimensions of a model's vectors; undefined before the first is stored. */
    size: (model: string): number | undefined => sizes.get(vectorName(model)),
    /** Makes room for vectors of a model. Throws a RangeError where they have another length. */
    async addVector(model: string, size: number): Promise<void> {
      const name = vectorName(model);
      const known = sizes.get(name);
      if (known !== undefined && known !== size)
        throw new RangeError(
          `A vector of ${model} has ${size} dimensions, those in Qdrant (${alias}, ${name}) have ${known}.`,
        );
      if (known !== undefined) return;
      await server.ask((client) =>
        client.createVectorName(alias, name, { dense: { size, distance: 'Dot' } }, { wait: true }),
      );
      sizes.set(name, size);
    },
    async dropVector(name: string): Promise<void> {
      await server.ask((client) => client.deleteVectorName(alias, name, { wait: true }));
      sizes.delete(name);
    },
    /** Everything goes, the alias too. Throws `store_unavailable` when it is not the owner's. */
    async drop(owner: string): Promise<void> {
      const name = await resolve();
      if (name === undefined) return;
      const { config } = Info.parse(await server.ask((client) => client.getCollection(name)));
      if (config.metadata?.limner !== owner)
        throw foreign(`the alias ${alias} belongs to another data folder`);
      await server.ask((client) => client.deleteCollection(name));
      sizes = new Map();
    },
  };
}

/** The vector that holds a model's embeddings: readable, and different for every identity. */
export function vectorName(model: string): string {
  const words = model.split('@', 1)[0] ?? '';
  const readable = words.replaceAll(/[^A-Za-z0-9]+/g, '-').slice(0, 40);
  return `${readable}-${createHash('sha256').update(model).digest('hex').slice(0, 8)}`;
}
