import { readFileSync } from 'node:fs';

/** Bytes of a row are padded with zeros to a multiple of this: one step of the kernel. */
const ROW_STEP = 32;

/** Pages of 64 KiB that a memory may grow to: the 4 GiB that 32-bit addresses reach. */
const MOST_PAGES = 65_536;

/** Rows are kept in blocks of so many, each with its scales, scores and masks, so that growing moves nothing. */
const BLOCK_ROWS = 1024;
const PAGE_BYTES = 65_536;
/** Bytes beside each row, in the order they stand in: id, group, scale, score, whether it is used, the mask. */
const BESIDE_ROW = 8 + 4 + 4 + 4 + 1 + 1;

/** The shapes are in scan.wat, addresses in bytes. A shared memory lets worker threads scan the same rows. */
type Scan = (
  query: number,
  rows: number,
  scales: number,
  mask: number,
  scores: number,
  count: number,
  width: number,
  queryScale: number,
) => void;

let compiled: WebAssembly.Module | undefined;

/**
 * The kernel over `memory`. Its source is scan.wat, assembled by
 * `npx wat2wasm --enable-threads src/store/scan.wat -o src/store/scan.wasm` (npm package `wabt`).
 */
function loadScan(memory: WebAssembly.Memory): Scan {
  compiled ??= new WebAssembly.Module(readFileSync(new URL('./scan.wasm', import.meta.url)));
  const { scan } = new WebAssembly.Instance(compiled, { limner: { memory } }).exports;
  if (typeof scan !== 'function') throw new Error('src/store/scan.wasm exports no function "scan".');
  return (...values) => void scan(...values);
}

/**
 * Writes `vector` as signed bytes to the start of `into` and gives the scale that leads back:
 * `scale = max|v| / 127`, `byte = round(v / scale)`. 0 for the zero vector.
 */
export function quantize(vector: Float32Array, into: Int8Array | Int16Array): number {
  let most = 0;
  for (const value of vector) most = Math.max(most, Math.abs(value));
  const factor = most > 0 ? 127 / most : 0;
  for (let at = 0; at < vector.length; at++) into[at] = Math.round((vector[at] ?? 0) * factor);
  return most / 127;
}

/** Where the parts of a block stand. */
interface Block {
  rows: number;
  scales: number;
  scores: number;
  mask: number;
  ids: Float64Array;
  groups: Int32Array;
  scale: Float32Array;
  score: Float32Array;
  used: Uint8Array;
  wanted: Uint8Array;
  bytes: Int8Array;
}

/** Takes the scores of up to 1024 rows, -Infinity where a row is left out. */
type Offer = (ids: Float64Array, scores: Float32Array, count: number) => void;

/** The rows by slot, in one memory: first the query as int16, then the blocks. */
export interface ScannedRows {
  /** Makes room for `count` rows in all. Throws a RangeError when the memory is full. */
  reserve(count: number): void;
  write(slot: number, id: number, group: number, vector: Float32Array): void;
  clear(slot: number): void;
  /** Scores the first `used` slots, block by block. */
  scan(query: Float32Array, used: number, groups: ReadonlySet<number> | undefined, offer: Offer): void;
  bytes(): number;
}

export function createScannedRows(dimensions: number): ScannedRows {
  const width = Math.ceil(dimensions / ROW_STEP) * ROW_STEP;
  const queryBytes = width * 2;
  const blockBytes = BLOCK_ROWS * (width + BESIDE_ROW);
  const memory = new WebAssembly.Memory({ initial: 1, maximum: MOST_PAGES, shared: true });
  const scan = loadScan(memory);
  const blocks: Block[] = [];
  growTo(memory, queryBytes);
  const query16 = new Int16Array(memory.buffer, 0, width);

  const blockOf = (slot: number): Block => {
    const block = blocks[Math.floor(slot / BLOCK_ROWS)];
    if (!block) throw new Error(`Slot ${slot} was not reserved.`);
    return block;
  };

  return {
    bytes: () => memory.buffer.byteLength,
    reserve(count) {
      const start = queryBytes + blocks.length * blockBytes;
      if (count <= blocks.length * BLOCK_ROWS) return;
      growTo(memory, start + blockBytes);
      blocks.push(layOutBlock(memory.buffer, start, width));
    },
    write(slot, id, group, vector) {
      const block = blockOf(slot);
      const at = slot % BLOCK_ROWS;
      block.scale[at] = quantize(vector, block.bytes.subarray(at * width, (at + 1) * width));
      block.ids[at] = id;
      block.groups[at] = group;
      block.used[at] = 1;
    },
    clear(slot) {
      blockOf(slot).used[slot % BLOCK_ROWS] = 0;
    },
    scan(query, used, groups, offer) {
      const queryScale = quantize(query, query16);
      for (const [index, block] of blocks.entries()) {
        const count = Math.min(BLOCK_ROWS, used - index * BLOCK_ROWS);
        if (groups && !maskGroups(block, count, groups)) continue;
        const mask = groups ? block.wanted : block.used;
        scan(0, block.rows, block.scales, mask.byteOffset, block.scores, count, width, queryScale);
        offer(block.ids, block.score, count);
      }
    },
  };
}

function growTo(memory: WebAssembly.Memory, bytes: number): void {
  const missing = Math.ceil((bytes - memory.buffer.byteLength) / PAGE_BYTES);
  if (bytes > MOST_PAGES * PAGE_BYTES) throw new RangeError('The vector index is full: it holds 4 GiB.');
  if (missing > 0) memory.grow(missing);
}

function layOutBlock(buffer: ArrayBufferLike, start: number, width: number): Block {
  const ids = start + BLOCK_ROWS * width;
  const groups = ids + BLOCK_ROWS * 8;
  const scales = groups + BLOCK_ROWS * 4;
  const scores = scales + BLOCK_ROWS * 4;
  const mask = scores + BLOCK_ROWS * 4;
  return {
    rows: start,
    scales,
    scores,
    mask,
    bytes: new Int8Array(buffer, start, BLOCK_ROWS * width),
    ids: new Float64Array(buffer, ids, BLOCK_ROWS),
    groups: new Int32Array(buffer, groups, BLOCK_ROWS),
    scale: new Float32Array(buffer, scales, BLOCK_ROWS),
    score: new Float32Array(buffer, scores, BLOCK_ROWS),
    used: new Uint8Array(buffer, mask, BLOCK_ROWS),
    wanted: new Uint8Array(buffer, mask + BLOCK_ROWS, BLOCK_ROWS),
  };
}

/** Marks the used rows of `groups` in a block, and says whether there are any. */
function maskGroups(block: Block, count: number, groups: ReadonlySet<number>): boolean {
  let any = false;
  let group: number | undefined;
  let wanted = false;
  for (let at = 0; at < count; at++) {
    // Rows of one collection mostly stand together, so most of them ask nothing.
    if (block.groups[at] !== group) wanted = groups.has((group = block.groups[at] ?? 0));
    const take = wanted && block.used[at] === 1;
    block.wanted[at] = take ? 1 : 0;
    any ||= take;
  }
  return any;
}
