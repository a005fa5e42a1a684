import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Figure } from '../document.ts';
import type { Database } from '../sqlite.ts';
import type { ExtractionKey } from './extractions.ts';

/** A figure as it is kept: `id` is the SHA-256 of its bytes, so that equal ones are kept once. */
export interface KeptFigure extends Figure {
  id: string;
  bytes: number;
  /** What a model says it shows. */
  caption?: { model: string; text: string };
}

const SCHEMA = [
  `create table figure(
     hash text not null, extension text not null, version text not null, ordinal integer not null,
     id text not null, mime text not null, bytes integer not null, width integer not null, height integer not null,
     page integer, box text, description text,
     primary key(hash, extension, version, ordinal)
   ) without rowid;
   create index figure_id on figure(id);`,
  'create table figure_caption(id text primary key, model text not null, text text not null) without rowid;',
  // What waits is looked for at every change of a document, so that it must not take a walk through all figures.
  `alter table figure add column waits integer not null default 0;
   update figure set waits = 1 where mime in ('image/png', 'image/jpeg') and ordinal < 40
     and min(width, height) >= 128 and id not in (select id from figure_caption);
   create index figure_waits on figure(hash, ordinal) where waits = 1;`,
];

/** What is described: of each content the first so many figures, none smaller, of the kinds that models take. */
const MOST_DESCRIBED = 40;
const SMALLEST_DESCRIBED = 128;
const DESCRIBED_MIMES: ReadonlySet<string> = new Set(['image/png', 'image/jpeg']);

/** A figure that waits for a description. */
export interface Undescribed {
  id: string;
  /** Of a content that shows it. */
  hash: string;
  mime: string;
}

interface FigureRow {
  id: string;
  mime: Figure['mime'];
  bytes: number;
  width: number;
  height: number;
  page: number | null;
  box: string | null;
  description: string | null;
  caption_model: string | null;
  caption_text: string | null;
}

const COLUMNS = 'id, mime, bytes, width, height, page, box, description';

export type Figures = ReturnType<typeof createFigures>;

/** Pictures of documents: files below `folder` by their content, and which content shows which of them where. */
export function createFigures({ folder }: { folder: string }, { database }: { database: Database }) {
  database.migrate('figures', SCHEMA);
  const pathOf = (id: string): string => join(folder, id.slice(0, 2), id);

  /** Writes a file of that content unless it is there; a half-written one never has its name. */
  async function keep(bytes: Uint8Array): Promise<string> {
    const id = createHash('sha256').update(bytes).digest('hex');
    const part = join(folder, 'parts', randomUUID());
    for (const path of [part, pathOf(id)]) await mkdir(dirname(path), { recursive: true });
    await writeFile(part, bytes);
    await rename(part, pathOf(id));
    return id;
  }

  return {
    pathOf,

    /** Keeps the figures of a content; before the extraction is kept, so that none is missing beside it. */
    async put(key: ExtractionKey, figures: readonly (Figure & { bytes: Uint8Array })[]): Promise<void> {
      const ids: string[] = [];
      for (const { bytes } of figures) ids.push(await keep(bytes));
      await database.write((connection) => {
        connection.run(
          'delete from figure where hash = ? and extension = ? and version = ?',
          key.hash,
          key.extension,
          key.version,
        );
        for (const [ordinal, figure] of figures.entries())
          connection.run(
            `insert into figure(hash, extension, version, ordinal, ${COLUMNS}, waits)
             values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
               ? and not exists (select 1 from figure_caption where id = ?))`,
            key.hash,
            key.extension,
            key.version,
            ordinal,
            ids[ordinal] ?? '',
            figure.mime,
            figure.bytes.length,
            figure.width,
            figure.height,
            figure.page ?? null,
            figure.box ? figure.box.join(' ') : null,
            figure.description ?? null,
            isDescribed(figure, ordinal) ? 1 : 0,
            ids[ordinal] ?? '',
          );
      });
    },

    /** Figures of a content in reading order, those of one page where it is given. */
    of(key: ExtractionKey, page?: number): KeptFigure[] {
      const rows = database.read.all<FigureRow>(
        `select ${COLUMNS}, model as caption_model, text as caption_text
         from figure left join figure_caption using (id) where hash = ? and extension = ? and version = ?
         and (? is null or page = ?) order by ordinal`,
        key.hash,
        key.extension,
        key.version,
        page ?? null,
        page ?? null,
      );
      return rows.map(fromRow);
    },

    /** One that no model described, of `hash` where that is given; only of documents that were read. */
    undescribed(except: ReadonlySet<string>, hash?: string): Undescribed | undefined {
      const rows = database.read.all<Undescribed>(
        `select id, hash, mime from figure where waits = 1 and (? is null or hash = ?)
         and exists (select 1 from document where document.hash = figure.hash and state in ('searchable', 'empty'))
         order by hash, ordinal limit ?`,
        hash ?? null,
        hash ?? null,
        except.size + 1,
      );
      return rows.find(({ id }) => !except.has(id));
    },

    describe: (id: string, model: string, text: string): Promise<void> =>
      database.write((connection) => {
        connection.run(
          'insert or replace into figure_caption(id, model, text) values (?, ?, ?)',
          id,
          model,
          text,
        );
        connection.run('update figure set waits = 0 where id = ?', id);
      }),

    /** Forgets figures of contents that are forgotten, and then files that nothing shows. */
    async prune(): Promise<void> {
      await database.write((connection) => {
        connection.run(
          `delete from figure where not exists (
             select 1 from extraction where extraction.hash = figure.hash
             and extraction.extension = figure.extension and extraction.version = figure.version)`,
        );
        connection.run('delete from figure_caption where id not in (select id from figure)');
      });
      for (const id of await storedIds(folder))
        if (!database.read.get('select 1 from figure where id = ?', id))
          await rm(pathOf(id), { force: true });
    },
  };
}

const isDescribed = ({ mime, width, height }: Figure, ordinal: number): boolean =>
  DESCRIBED_MIMES.has(mime) && ordinal < MOST_DESCRIBED && Math.min(width, height) >= SMALLEST_DESCRIBED;

function fromRow(stored: FigureRow): KeptFigure {
  const { page, box, description, caption_model: model, caption_text: text, ...row } = stored;
  const [x = 0, y = 0, width = 0, height = 0] = (box ?? '').split(' ').map(Number);
  return {
    ...row,
    ...(page !== null && { page }),
    ...(box !== null && { box: [x, y, width, height] }),
    ...(description !== null && { description }),
    ...(model !== null && text !== null && { caption: { model, text } }),
  };
}

async function storedIds(folder: string): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  const names = await readdir(folder, { recursive: true });
  return names.flatMap((name) => /[/\\]([0-9a-f]{64})$/.exec(name)?.[1] ?? []);
}
