import { promisify } from 'node:util';
import { zstdCompress, zstdDecompress } from 'node:zlib';
import { z } from 'zod';
import { MORE_PLACE, type Extraction } from '../document.ts';
import type { Database } from '../sqlite.ts';

/** What the processors made of a content: kept, so that chunking, moving or copying never extracts again. */
export interface StoredExtraction extends Extraction {
  processor: string;
}

/** A content, the extension that helped to choose its processor, and the processors' versions. */
export interface ExtractionKey {
  hash: string;
  extension: string;
  version: string;
}

const SCHEMA = [
  `create table extraction(
     hash text not null, extension text not null, version text not null, body blob not null,
     primary key(hash, extension)
   );`,
  `drop table extraction;
   create table extraction(
     hash text not null, extension text not null, version text not null, body blob not null,
     primary key(hash, extension, version)
   );`,
];

const Body = z.object({
  title: z.string().optional(),
  pages: z.number().optional(),
  warnings: z.array(z.string()),
  processor: z.string(),
  sections: z.array(
    z.object({
      text: z.string(),
      page: z.number().optional(),
      headings: z.array(z.string()).optional(),
      lines: z.tuple([z.number(), z.number()]).optional(),
      ...MORE_PLACE,
    }),
  ),
});

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

export type Extractions = ReturnType<typeof createExtractions>;

export function createExtractions(database: Database) {
  database.migrate('extractions', SCHEMA);
  return {
    async get(key: ExtractionKey): Promise<StoredExtraction | undefined> {
      const row = database.read.get<{ body: Uint8Array }>(
        'select body from extraction where hash = ? and extension = ? and version = ?',
        key.hash,
        key.extension,
        key.version,
      );
      if (!row) return undefined;
      const json = await decompress(row.body);
      return Body.parse(JSON.parse(json.toString('utf8')));
    },

    async put(key: ExtractionKey, extraction: StoredExtraction): Promise<void> {
      const body = await compress(JSON.stringify(extraction));
      await database.write((connection) => {
        connection.run(
          'insert or replace into extraction(hash, extension, version, body) values (?, ?, ?, ?)',
          key.hash,
          key.extension,
          key.version,
          body,
        );
      });
    },

    /** Forgets contents that no document has, and what other versions than those that begin with `version` made. */
    prune: (version: string): Promise<void> =>
      database.write((connection) => {
        connection.run(
          `delete from extraction where hash not in (select hash from document where hash is not null)
           or substr(version, 1, ?) != ?`,
          version.length,
          version,
        );
      }),
  };
}
