import { openAsBlob } from 'node:fs';
import type { Section, SourceFile } from '../document.ts';
import { LimnerError } from '../errors.ts';
import type { Transcribe, Transcript } from '../models/transcribe.ts';
import { NO_TRANSCRIPTION, recording } from '../processors/recording.ts';
import type { ReadExtraction } from './readings.ts';

export type Extract = (file: SourceFile, signal: AbortSignal) => Promise<ReadExtraction>;

/** A passage of a recording is about this long. */
const TARGET_LENGTH = 700;
const TARGET_SECONDS = 90;

/**
 * Reading as before, with recordings written down by a server. Without one they are `unsupported`, and so they are
 * read as soon as there is one (the version of the text changes with it).
 */
export function withTranscription(extract: Extract, transcribe: Transcribe | undefined): Extract {
  return async (file, signal) => {
    const extraction = await extract(file, signal);
    if (extraction.processor !== recording.name) return extraction;
    if (!transcribe) throw new LimnerError('unsupported', NO_TRANSCRIPTION);
    const bytes = await openAsBlob(file.path);
    const transcript = await transcribe({ bytes, name: file.name }, signal);
    return { ...extraction, sections: sectionsOf(transcript), warnings: [] };
  };
}

/** What was said, in passages with their times; a server that gives no times gives one passage. */
export function sectionsOf({ text, segments }: Transcript): Section[] {
  if (segments.length === 0) return text.trim() === '' ? [] : [{ text: text.trim() }];
  const sections: (Section & { time: [number, number] })[] = [];
  for (const segment of segments) {
    const said = segment.text.trim();
    if (said === '') continue;
    const last = sections.at(-1);
    const isFull = !last || last.text.length > TARGET_LENGTH || segment.end - last.time[0] > TARGET_SECONDS;
    if (isFull) sections.push({ text: said, time: [segment.start, segment.end] });
    else {
      last.text += `\n${said}`;
      last.time[1] = segment.end;
    }
  }
  return sections;
}
