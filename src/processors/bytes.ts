import { open } from 'node:fs/promises';

/** The first `length` bytes of a file, fewer where it is shorter, from byte `start`. */
export async function readBytes(path: string, length: number, start = 0): Promise<Buffer> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, start);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
