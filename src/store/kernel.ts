import { readFileSync } from 'node:fs';

/** Values of a row are padded with zeros to a multiple of this: one step of the kernel. */
const ROW_STEP = 32;

/** Values as signed bytes reach this far. */
const MOST = 127;
/** Added to a row's signed bytes, so that both halves of them are 0 to 15. */
const ROW_OFFSET = 128;

/** The mean of a lower half byte, and its standard deviation where all of them are as frequent. */
const LOWER_MEAN = 7.5;
const LOWER_DEVIATION = 4.61;
const LOWER_MOST = 7.5;
/** So many standard deviations from what the upper halves tell nothing is expected. */
const DEVIATIONS = 3;

/** The shapes are in scan.wat, addresses in bytes. */
interface Kernel {
  /** The products of a query and rows of half bytes. */
  scan(
    query: number,
    rows: number,
    scales: number,
    mask: number,
    scores: number,
    count: number,
    width: number,
    offset: number,
  ): void;
  dot(query: number, row: number, width: number): number;
}

let compiled: WebAssembly.Module | undefined;

/**
 * The kernel over `memory`, which threads may share. Its source is scan.wat, assembled by
 * `npx wat2wasm --enable-threads --enable-relaxed-simd src/store/scan.wat -o src/store/scan.wasm` (npm package `wabt`).
 */
export function loadKernel(memory: WebAssembly.Memory): Kernel {
  compiled ??= new WebAssembly.Module(readFileSync(new URL('./scan.wasm', import.meta.url)));
  const { scan, dot } = new WebAssembly.Instance(compiled, { limner: { memory } }).exports;
  if (typeof scan !== 'function' || typeof dot !== 'function')
    throw new Error('src/store/scan.wasm does not export "scan" and "dot".');
  return { scan: (...values) => void scan(...values), dot: (...values) => Number(dot(...values)) };
}

/** Values of a row of so many dimensions, padding included; half as many bytes for each half of them. */
export const rowWidth = (dimensions: number): number => Math.ceil(dimensions / ROW_STEP) * ROW_STEP;

/**
 * Writes `vector` as signed bytes, `byte = round(v / scale)` with `scale = max|v| / 127`, their upper halves apart from the lower
 * ones; gives the scale, 0 for the zero vector.
 */
export function quantizeRow(vector: Float32Array, upper: Uint8Array, lower: Uint8Array): number {
  const most = largest(vector);
  const factor = most > 0 ? MOST / most : 0;
  const byteAt = (at: number): number => ROW_OFFSET + Math.round((vector[at] ?? 0) * factor);
  for (let at = 0; at < upper.length; at++) {
    const first = 2 * at - (at % (ROW_STEP / 2));
    const [one, other] = [byteAt(first), byteAt(first + ROW_STEP / 2)];
    upper[at] = (one >> 4) | (other & 0xf0);
    lower[at] = (one & 15) | ((other & 15) << 4);
  }
  return most / MOST;
}

/** A query as signed bytes, and what leads from products with a row's halves to the dot product with the row. */
export interface QuantizedQuery {
  /** `value = byte * scale`. */
  scale: number;
  /** What the rows' offset adds to a product with whole bytes. */
  added: number;
  /** Added to a product with the upper halves: at most so much is the product with whole bytes, a 16th of it. */
  toUpperBound: number;
  /** Between the least and the most that it may be, again a 16th of it. */
  spread: number;
}

/** Writes `query` as signed bytes as `quantizeRow` does, padding included. */
export function quantizeQuery(query: Float32Array, into: Int8Array): QuantizedQuery {
  const most = largest(query);
  const factor = most > 0 ? MOST / most : 0;
  into.fill(0);
  let [sum, absolute, squares] = [0, 0, 0];
  for (let at = 0; at < query.length; at++) {
    const byte = Math.round((query[at] ?? 0) * factor);
    into[at] = byte;
    sum += byte;
    absolute += Math.abs(byte);
    squares += byte * byte;
  }
  const doubt = Math.min(LOWER_MOST * absolute, DEVIATIONS * LOWER_DEVIATION * Math.sqrt(squares));
  return {
    scale: most / MOST,
    added: ROW_OFFSET * sum,
    toUpperBound: ((LOWER_MEAN - ROW_OFFSET) * sum + doubt) / 16,
    spread: (2 * doubt) / 16,
  };
}

function largest(vector: Float32Array): number {
  let most = 0;
  for (let at = 0; at < vector.length; at++) most = Math.max(most, Math.abs(vector[at] ?? 0));
  return most;
}
