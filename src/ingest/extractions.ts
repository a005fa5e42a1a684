import { promisify } from 'node:util';
import { zstdCompress, zstdDecompress } from 'node:zlib';
import { z } from 'zod';
import { MORE_PLACE, type Extraction, type OcrSummary, type PageWords } from '../document.ts';
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
  'alter table extraction add column words blob;',
];

const Body = z.object({
  title: z.string().optional(),
  pages: z.number().optional(),
  warnings: z.array(z.string()),
  processor: z.string(),
  ocr: z.object({ pages: z.number(), confidence: z.number() }).optional(),
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

const Words = z.array(
  z.object({ page: z.number(), width: z.number(), height: z.number(), runs: z.array(z.number()) }),
);

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

    /** The key of what is kept of the content: by this version, or else what was made last by another. */
    kept(key: ExtractionKey): ExtractionKey {
      const row = database.read.get<{ version: string }>(
        `select version from extraction where hash = ? and extension = ? order by version = ? desc, rowid desc limit 1`,
        key.hash,
        key.extension,
        key.version,
      );
      return row ? { ...key, version: row.version } : key;
    },

    /** Where the words of the content stand; empty where that is not known. */
    async words(key: ExtractionKey): Promise<PageWords[]> {
      const row = database.read.get<{ words: Uint8Array | null }>(
        'select words from extraction where hash = ? and extension = ? and version = ?',
        key.hash,
        key.extension,
        key.version,
      );
      if (!row?.words) return [];
      return Words.parse(JSON.parse((await decompress(row.words)).toString('utf8'))).map(unpacked);
    },

    async put(
      key: ExtractionKey,
      extraction: StoredExtraction,
      words: readonly PageWords[] = [],
    ): Promise<void> {
      const body = await compress(JSON.stringify(extraction));
      const places = words.length > 0 ? await compress(JSON.stringify(words.map(packed))) : null;
      await database.write((connection) => {
        connection.run(
          'insert or replace into extraction(hash, extension, version, body, words) values (?, ?, ?, ?, ?)',
          key.hash,
          key.extension,
          key.version,
          body,
          places,
        );
      });
    },

    /**
     * Forgets contents that no document has, and what other versions than those that begin with `version` made of the
     * others, once such a version has read them: until then documents are shown as they were.
     */
    prune: (version: string): Promise<void> =>
      database.write((connection) => {
        connection.run(
          `delete from extraction where hash not in (select hash from document where hash is not null)
           or (substr(version, 1, ?) != ?
             and hash in (select hash from extraction where substr(version, 1, ?) = ?))`,
          version.length,
          version,
          version.length,
          version,
        );
      }),
  };
}

/** Each number as its difference from the run before: lines repeat each other, so that they pack to half the size. */
function packed(page: PageWords): PageWords {
  return { ...page, runs: page.runs.map((value, index) => value - (page.runs[index - 5] ?? 0)) };
}

function unpacked(page: PageWords): PageWords {
  const runs = [...page.runs];
  for (let index = 5; index < runs.length; index += 1)
    runs[index] = (runs[index] ?? 0) + (runs[index - 5] ?? 0);
  return { ...page, runs };
}

/** What the ledger says of a text that was read from pictures. */
export function ocrWarning(ocr: OcrSummary | undefined): string[] {
  if (!ocr) return [];
  const pages = ocr.pages === 1 ? 'one page' : `${ocr.pages} pages`;
  return [
    `The text of ${pages} was read from pictures (OCR, confidence ${Math.round(ocr.confidence)} %); it may hold mistakes.`,
  ];
}
