import { posix } from 'node:path';
import { OLE_MAGIC } from './ole.ts';
import { oleStream } from './ole-file.ts';
import type { Member } from './processor.ts';
import { readRelationships } from './relationships.ts';
import type { Archive } from './zip.ts';

/**
 * Files that an Office document holds: documents, and what was inserted as an object. The workbooks behind charts are
 * left out, for their figures are in the charts.
 */
export async function* embeddedFiles(archive: Archive): AsyncGenerator<Member> {
  const behindCharts = await chartData(archive);
  for (const name of archive.names) {
    if (!name.includes('/embeddings/') || name.endsWith('/') || behindCharts.has(name)) continue;
    const bytes = await archive.read(name);
    const member = bytes && unwrap(posix.basename(name), bytes);
    if (member) yield member;
  }
}

async function chartData(archive: Archive): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for (const name of archive.names) {
    if (!/\/charts\/chart[^/]{0,20}\.xml$/.test(name)) continue;
    for (const { target } of await readRelationships(archive, name)) found.add(target);
  }
  return found;
}

/** Objects are wrapped in an OLE file: as a package, as plain contents, or as a file with its name. */
function unwrap(name: string, bytes: Buffer): Member | undefined {
  if (bytes.toString('hex', 0, 8) !== OLE_MAGIC) return { name, bytes };
  const stream = (title: string): Buffer | undefined => oleStream(bytes, title);
  const contents = stream('Package') ?? stream('CONTENTS');
  if (contents) return { name, bytes: contents };
  const native = stream('\u0001Ole10Native');
  if (native) return nativeFile(name, native);
  return ['WordDocument', 'Workbook', 'Book', 'PowerPoint Document'].some(stream)
    ? { name, bytes }
    : undefined;
}

/** Size, a flag, the label and the path it came from, a second path, and the file ([MS-OLEDS] 2.3.6 and OLE1). */
function nativeFile(name: string, data: Buffer): Member | undefined {
  const labelEnd = data.indexOf(0, 6);
  const pathEnd = data.indexOf(0, labelEnd + 1);
  const second = pathEnd + 5;
  if (labelEnd === -1 || pathEnd === -1 || second + 4 > data.length) return undefined;
  const start = second + 4 + data.readUInt32LE(second);
  if (start + 4 > data.length) return undefined;
  const bytes = data.subarray(start + 4, start + 4 + data.readUInt32LE(start));
  return { name: data.toString('latin1', 6, labelEnd) || name, bytes };
}
