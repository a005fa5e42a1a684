import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { WrappedPdfiumModule } from '@embedpdf/pdfium';

/** PDFium with what its calls need of memory: it gives results through addresses. */
export interface Pdfium {
  calls: WrappedPdfiumModule;
  /** Calls `use` with the address of `bytes` bytes, which are free again afterwards. */
  lend<T>(bytes: number, use: (address: number) => T): T;
  /** A copy of that many bytes at an address, ... */
  bytesAt(address: number, length: number): Uint8Array<ArrayBuffer>;
  /** ... or those bytes themselves, which the next call may move, ... */
  viewAt(address: number, length: number): Uint8Array;
  /** ... or so many floats, ... */
  floatsAt(address: number, count: number): number[];
  /** ... or whole numbers without sign. */
  wholeAt(address: number, count: number): number[];
}

let running: Promise<Pdfium> | undefined;

/** The PDFium of this process, in WebAssembly: to start it takes as long as reading ten pages. */
export function runningPdfium(): Promise<Pdfium> {
  running ??= startPdfium();
  return running;
}

/** After a file that broke it, the next one gets another. */
export function dropPdfium(): void {
  running = undefined;
}

async function startPdfium(): Promise<Pdfium> {
  const { init } = await import('@embedpdf/pdfium');
  const wasm = await readFile(fileURLToPath(import.meta.resolve('@embedpdf/pdfium/pdfium.wasm')));
  const calls = await init({ wasmBinary: new Uint8Array(wasm).buffer });
  calls.PDFiumExt_Init();
  const { pdfium } = calls;

  const bytesAt = (address: number, length: number): Uint8Array<ArrayBuffer> =>
    new Uint8Array(memoryOf(calls).subarray(address, address + length));

  return {
    calls,
    bytesAt,
    viewAt: (address, length) => memoryOf(calls).subarray(address, address + length),
    floatsAt: (address, count) => [...new Float32Array(bytesAt(address, 4 * count).buffer)],
    wholeAt: (address, count) => [...new Uint32Array(bytesAt(address, 4 * count).buffer)],
    lend(bytes, use) {
      const address = pdfium.wasmExports.malloc(bytes);
      if (address === 0) throw new RangeError('PDFium has no memory left.');
      try {
        return use(address);
      } finally {
        pdfium.wasmExports.free(address);
      }
    },
  };
}

/** A document that PDFium has open; its pages count from 0. */
export interface OpenPdf {
  document: number;
  close(): void;
}

/** Nothing where PDFium cannot open it. */
export function openPdf({ calls }: Pdfium, file: Uint8Array): OpenPdf | undefined {
  const { malloc, free } = calls.pdfium.wasmExports;
  const address = malloc(file.length);
  if (address === 0) return undefined;
  memoryOf(calls).set(file, address);
  const document = calls.FPDF_LoadMemDocument(address, file.length, '');
  // PDFium reads from the memory as long as the document is open.
  if (document !== 0)
    return {
      document,
      close() {
        calls.FPDF_CloseDocument(document);
        free(address);
      },
    };
  free(address);
  return undefined;
}

/** Looked up each time, for it moves when it grows; the types of the package leave it out. */
function memoryOf({ pdfium }: WrappedPdfiumModule): Uint8Array {
  const memory: unknown = Reflect.get(pdfium, 'HEAPU8');
  if (!(memory instanceof Uint8Array)) throw new TypeError('PDFium has no memory.');
  return memory;
}
