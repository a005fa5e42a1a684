import { inflateSync } from 'node:zlib';

/**
 * While it is used, pdf.js unpacks streams where it stands. Left alone it hands each to a `DecompressionStream`, which takes
 * several turns of other threads: a third of the time of a short page. Returns what puts the old one back.
 */
export function inflateInPlace(): () => void {
  const Original = globalThis.DecompressionStream;
  put(function createStream(format: CompressionFormat) {
    return format === 'deflate' ? inPlace() : new Original(format);
  });
  return () => void put(Original);
}

function put(streams: unknown): boolean {
  return Reflect.set(globalThis, 'DecompressionStream', streams);
}

/** As much of a stream as pdf.js uses: one writing, one reading. What is damaged throws at the reader, as it would there. */
function inPlace(): object {
  let written: Uint8Array | undefined;
  return {
    writable: {
      getWriter: () => ({
        write: async (bytes: Uint8Array) => void (written = bytes),
        close: async () => undefined,
      }),
    },
    readable: {
      getReader: () => ({
        read: async () => {
          if (!written) return { done: true };
          const value = inflateSync(written);
          written = undefined;
          return { done: false, value: new Uint8Array(value.buffer, value.byteOffset, value.length) };
        },
      }),
    },
  };
}
