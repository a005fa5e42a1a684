import { decodeBytes } from './charset.ts';
import { oleStream } from './ole-file.ts';
import { readPptText } from './ppt-text.ts';
import { plainText, readWord95, WORD_95, WORD_97 } from './word-95.ts';

export interface OldText {
  /** The body; of Word 6 and 95 files with notes and headers after it. */
  body: string;
  /** Headers, footers, text boxes, comments. */
  around: string[];
}

/**
 * Reads old Word files for what the main reader leaves: Word 6 and 95 files, files that it refuses, and what stands
 * around the text. Undefined where the file is no Word file or cannot be read this way either.
 */
export async function readWord(data: Buffer): Promise<OldText | undefined> {
  const stream = oleStream(data, 'WordDocument');
  const mark = stream && stream.length > 2 ? stream.readUInt16LE(0) : 0;
  if (stream && mark === WORD_95) {
    const { bytes, charset } = readWord95(stream);
    return { body: plainText(await decodeBytes(bytes, charset)), around: [] };
  }
  return mark === WORD_97 ? readWord97(data) : undefined;
}

/** The texts of an old PowerPoint file, for those that the main reader leaves; undefined where it is none. */
export async function readPowerPoint(data: Buffer): Promise<OldText | undefined> {
  const stream = oleStream(data, 'PowerPoint Document');
  if (!stream) return undefined;
  // PowerPoint 95 kept the text beside the slides.
  const kept = oleStream(data, 'Text_Content');
  const lines = kept ? (await decodeBytes(kept, 'windows-1252')).split(/[\r\n\v]+/) : readPptText(stream);
  return { body: lines.join('\n'), around: lines };
}

async function readWord97(data: Buffer): Promise<OldText | undefined> {
  const { default: WordExtractor } = await import('word-extractor');
  try {
    const read = await new WordExtractor().extract(data);
    const around = [
      read.getHeaders({ includeFooters: true }),
      read.getTextboxes(),
      read.getAnnotations(),
    ].flatMap((text) => text.split('\n').map((line) => line.trim()));
    return { body: read.getBody(), around: around.filter((line) => line !== '') };
  } catch (error) {
    // It throws plain errors about the file: the main reader has said already what is wrong.
    if (error instanceof Error) return undefined;
    throw error;
  }
}
