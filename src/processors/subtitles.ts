import type { Section, SourceFile } from '../document.ts';
import { decodeFile, detectCharset } from './charset.ts';
import { splitLines } from './lines.ts';
import type { Part, Processor } from './processor.ts';

/** A section is closed at the cue that brings it here, in characters. */
const TARGET_LENGTH = 800;
const TIMES =
  /^\s{0,9}((?:\d{1,3}:)?\d{1,2}:\d{1,2}[.,]\d{1,3})\s{1,9}-->\s{1,9}((?:\d{1,3}:)?\d{1,2}:\d{1,2}[.,]\d{1,3})/;

/** Subtitles in SRT and WebVTT: what is said, with the time at which it is. */
export const subtitles: Processor = {
  name: 'subtitles',
  version: 1,
  kinds: ['subtitles'],
  label: 'a file of subtitles',
  extensions: ['srt', 'vtt'],
  read,
};

async function* read(file: SourceFile): AsyncGenerator<Part> {
  const charset = await detectCharset(file.path);
  const gatherer = createGatherer();
  for await (const lines of splitLines(decodeFile(file.path, charset))) {
    for (const { text } of lines) gatherer.add(text);
    yield { sections: gatherer.take() };
  }
  yield { sections: gatherer.finish() };
}

interface Gatherer {
  add(line: string): void;
  take(): Section[];
  finish(): Section[];
}

/** Cues are a line of times and the lines up to the next blank one; the rest is numbers and notes. */
function createGatherer(): Gatherer {
  const done: Section[] = [];
  let said: string[] = [];
  let length = 0;
  let time: [number, number] | undefined;
  let inCue = false;

  function close(): void {
    if (time && said.length > 0) done.push({ text: said.join('\n'), time });
    said = [];
    length = 0;
    time = undefined;
  }

  function open(start: number, end: number): void {
    if (length >= TARGET_LENGTH) close();
    time = [time?.[0] ?? start, end];
    inCue = true;
  }

  return {
    add(line) {
      const match = TIMES.exec(line.slice(0, 100));
      if (match) return open(seconds(match[1] ?? ''), seconds(match[2] ?? ''));
      const text = inCue ? withoutTags(line).trim() : '';
      inCue &&= line.trim() !== '';
      if (text === '' || text === said.at(-1)) return;
      said.push(text);
      length += text.length;
    },
    take: () => done.splice(0),
    finish() {
      close();
      return done.splice(0);
    },
  };
}

/** "01:02:03,400" is 3723.4. */
function seconds(stamp: string): number {
  const parts = stamp.replace(',', '.').split(':').map(Number);
  return parts.reduce((sum, part) => sum * 60 + part, 0);
}

function withoutTags(line: string): string {
  return line.replaceAll(/<[^<>]{0,200}>/g, '');
}
