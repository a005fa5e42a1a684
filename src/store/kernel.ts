import { readFileSync } from 'node:fs';

/** Bytes of a row are padded with zeros to a multiple of this: one step of the kernel. */
const ROW_STEP = 32;

/** A row's values as signed bytes reach this far, a query's this: with 64 added it has to stay below 128. */
const ROW_MOST = 127;
const QUERY_MOST = 63;
const QUERY_OFFSET = 64;

/** The shapes are in scan.wat, addresses in bytes. */
type Scan = (
  query: number,
  rows: number,
  scales: number,
  sums: number,
  mask: number,
  scores: number,
  count: number,
  width: number,
  queryScale: number,
) => void;

let compiled: WebAssembly.Module | undefined;

/**
 * The kernel over `memory`, which threads may share. Its source is scan.wat, assembled by
 * `npx wat2wasm --enable-threads --enable-relaxed-simd src/store/scan.wat -o src/store/scan.wasm` (npm package `wabt`).
 */
export function loadKernel(memory: WebAssembly.Memory): Scan {
  compiled ??= new WebAssembly.Module(readFileSync(new URL('./scan.wasm', import.meta.url)));
  const { scan } = new WebAssembly.Instance(compiled, { limner: { memory } }).exports;
  if (typeof scan !== 'function') throw new Error('src/store/scan.wasm exports no function "scan".');
  return (...values) => void scan(...values);
}

/** Bytes of one row of so many dimensions. */
export const rowWidth = (dimensions: number): number => Math.ceil(dimensions / ROW_STEP) * ROW_STEP;

/** What leads back from a row's bytes: `value = byte * scale`; `sum` is what the query's offset adds to a product. */
export interface Quantized {
  scale: number;
  sum: number;
}

/** Writes `vector` as signed bytes, `byte = round(v / scale)` with `scale = max|v| / 127`; 0 for the zero vector. */
export function quantizeRow(vector: Float32Array, into: Int8Array): Quantized {
  const most = largest(vector);
  const factor = most > 0 ? ROW_MOST / most : 0;
  let sum = 0;
  for (let at = 0; at < vector.length; at++) {
    const byte = Math.round((vector[at] ?? 0) * factor);
    into[at] = byte;
    sum += byte;
  }
  return { scale: most / ROW_MOST, sum: QUERY_OFFSET * sum };
}

/** Writes `query` as bytes from 1 to 127, 64 meaning zero, padding included, and gives its scale. */
export function quantizeQuery(query: Float32Array, into: Uint8Array): number {
  const most = largest(query);
  const factor = most > 0 ? QUERY_MOST / most : 0;
  into.fill(QUERY_OFFSET);
  for (let at = 0; at < query.length; at++) into[at] = QUERY_OFFSET + Math.round((query[at] ?? 0) * factor);
  return most / QUERY_MOST;
}

function largest(vector: Float32Array): number {
  let most = 0;
  for (let at = 0; at < vector.length; at++) most = Math.max(most, Math.abs(vector[at] ?? 0));
  return most;
}
