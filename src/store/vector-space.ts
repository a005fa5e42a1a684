import { loadKernel, quantizeQuery, quantizeRow, rowWidth } from './kernel.ts';
import { PAGE_SLOTS } from './page.ts';

/** Pages of 64 KiB that a memory may grow to: the 4 GiB that 32-bit addresses reach. */
const MOST_PAGES = 65_536;
const PAGE_BYTES = 65_536;

/** Products of bytes are summed up in 32 bits: beyond 2^31 / 127^2 dimensions they could overflow. */
const MOST_DIMENSIONS = 65_536;

/** Threads that may scan at once; each has a place of its own for its query, mask and scores. */
export const MOST_READERS = 16;

/** What a thread needs to scan the same bytes. */
export interface VectorSpaceView {
  /** Another number is another memory. */
  generation: number;
  dimensions: number;
  memory: WebAssembly.Memory;
}

/**
 * The vectors of one model as signed bytes in one shared memory, a block for each page of the chunk index. First come the
 * places of the threads, then the blocks: the upper halves of the bytes of `PAGE_SLOTS` rows, `rowWidth(dimensions) / 2` bytes
 * each, as many bytes of lower halves, and the rows' scales (float32). What is far is known by the upper halves alone.
 */
export interface VectorSpace extends Omit<VectorSpaceView, 'generation'> {
  /** Room for the vectors of one more page; gives its address. Throws a RangeError when 4 GiB are full. */
  takeBlock(): number;
  /** A block that nobody reads any more. */
  giveBlock(address: number): void;
  /** Throws a RangeError for a vector of another length or with a value that is not finite. */
  write(block: number, slot: number, vector: Float32Array): void;
  /** The bytes of a block, to be kept or to be filled. */
  bytes(block: number): Uint8Array;
  /** Copies a row from one block to another. */
  copy(from: number, slot: number, to: number, target: number): void;
}

/** Throws a RangeError for dimensions that are no integer from 1 to 65 536. */
export function createVectorSpace(dimensions: number): VectorSpace {
  if (!Number.isInteger(dimensions) || dimensions < 1 || dimensions > MOST_DIMENSIONS)
    throw new RangeError(`A vector has 1 to ${MOST_DIMENSIONS} dimensions, not ${dimensions}.`);
  const width = rowWidth(dimensions);
  const half = width / 2;
  const memory = new WebAssembly.Memory({ initial: 1, maximum: MOST_PAGES, shared: true });
  const free: number[] = [];
  let end = MOST_READERS * readerBytes(width);

  const parts = (block: number) => partsOf(memory.buffer, block, width);

  return {
    dimensions,
    memory,
    takeBlock() {
      const known = free.pop();
      if (known !== undefined) return known;
      growTo(memory, end + blockBytes(width));
      end += blockBytes(width);
      return end - blockBytes(width);
    },
    giveBlock(address) {
      free.push(address);
    },
    write(block, slot, vector) {
      checkVector(vector, dimensions);
      const { upper, lower, scales } = parts(block);
      const row = [slot * half, (slot + 1) * half] as const;
      scales[slot] = quantizeRow(vector, upper.subarray(...row), lower.subarray(...row));
    },
    bytes: (block) => new Uint8Array(memory.buffer, block, blockBytes(width)),
    copy(from, slot, to, target) {
      const source = parts(from);
      const into = parts(to);
      for (const half8 of ['upper', 'lower'] as const)
        into[half8].set(source[half8].subarray(slot * half, (slot + 1) * half), target * half);
      into.scales[target] = source.scales[slot] ?? 0;
    },
  };
}

/** What is known of a block's rows after a scan, each by its slot. */
export interface ScannedBlock {
  /** The dot product is hardly above this; -Infinity for a slot that was left out. */
  upper: Float32Array;
  /** It is hardly below this. */
  lowerOf(slot: number): number;
  /** What the whole bytes of the row give. */
  scoreOf(slot: number): number;
}

/** Scans the rows of one block whose `mask` is 1. */
export type ScanBlock = (block: number, slots: number, mask: Uint8Array) => ScannedBlock;

/** A thread's way to scan: `reader` is its own number, below `MOST_READERS`. */
export function createScanner({ memory, dimensions }: VectorSpaceView, reader: number) {
  const width = rowWidth(dimensions);
  const half = width / 2;
  const { scan, dot } = loadKernel(memory);
  const place = reader * readerBytes(width);
  const query8 = new Int8Array(memory.buffer, place, width);
  const mask8 = new Uint8Array(memory.buffer, place + width, PAGE_SLOTS);
  const bounds = new Float32Array(memory.buffer, place + width + PAGE_SLOTS, PAGE_SLOTS);

  /** Throws a RangeError for a query of another length or with a value that is not finite. */
  return function ask(query: Float32Array): ScanBlock {
    checkVector(query, dimensions);
    const { scale, added, toUpperBound, spread } = quantizeQuery(query, query8);
    return (block, slots, mask) => {
      const count = 4 * Math.ceil(slots / 4);
      mask8.fill(0, slots, count);
      mask8.set(mask.subarray(0, slots));
      const { scales } = partsOf(memory.buffer, block, width);
      const [masks, scores] = [place + width, place + width + PAGE_SLOTS];
      scan(place, block, scales.byteOffset, masks, scores, count, half, toUpperBound);
      const scaleOf = (slot: number): number => scales[slot] ?? 0;
      return {
        upper: bounds,
        lowerOf: (slot) => (bounds[slot] ?? 0) - spread * scaleOf(slot),
        scoreOf(slot) {
          const row = block + slot * half;
          const product = 16 * dot(place, row, half) + dot(place, row + PAGE_SLOTS * half, half) - added;
          return scale * scaleOf(slot) * product;
        },
      };
    };
  };
}

export function checkVector(vector: Float32Array, dimensions: number): void {
  if (vector.length !== dimensions)
    throw new RangeError(`The vector has ${vector.length} dimensions, the index ${dimensions}.`);
  for (let at = 0; at < dimensions; at++) {
    if (!Number.isFinite(vector[at]))
      throw new RangeError(`Value ${at} of the vector of ${dimensions} dimensions is ${vector[at]}.`);
  }
}

const blockBytes = (width: number): number => PAGE_SLOTS * (width + 4);
const readerBytes = (width: number): number => width + PAGE_SLOTS * 5;

function partsOf(buffer: ArrayBufferLike, block: number, width: number) {
  const bytes = (PAGE_SLOTS * width) / 2;
  return {
    upper: new Uint8Array(buffer, block, bytes),
    lower: new Uint8Array(buffer, block + bytes, bytes),
    scales: new Float32Array(buffer, block + 2 * bytes, PAGE_SLOTS),
  };
}

function growTo(memory: WebAssembly.Memory, bytes: number): void {
  if (bytes > MOST_PAGES * PAGE_BYTES) throw new RangeError('The vector index is full: it holds 4 GiB.');
  const missing = Math.ceil((bytes - memory.buffer.byteLength) / PAGE_BYTES);
  if (missing > 0) memory.grow(missing);
}
