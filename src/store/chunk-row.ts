import { z } from 'zod';
import { MORE_PLACE, type Chunk } from '../document.ts';

/** A chunk as the `chunk` table holds it; `headings` is a JSON list, `place` the rest of it as JSON. */
export interface ChunkRow {
  id: number;
  document_id: string;
  collection: string;
  ordinal: number;
  text: string;
  span_start: number;
  span_end: number;
  page: number | null;
  headings: string | null;
  first_line: number | null;
  last_line: number | null;
  place: string | null;
}

export const CHUNK_COLUMNS =
  'id, document_id, collection, ordinal, text, span_start, span_end, page, headings, first_line, last_line, place';

const Headings = z.array(z.string());
const Place = z.object(MORE_PLACE);

export function toChunk(row: ChunkRow): Chunk {
  return {
    ordinal: row.ordinal,
    text: row.text,
    span: [row.span_start, row.span_end],
    ...(row.page !== null && { page: row.page }),
    ...(row.headings !== null && { headings: Headings.parse(JSON.parse(row.headings)) }),
    ...(row.first_line !== null && row.last_line !== null && { lines: [row.first_line, row.last_line] }),
    ...(row.place !== null && Place.parse(JSON.parse(row.place))),
  };
}
