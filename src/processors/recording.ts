import type { Part, Processor } from './processor.ts';

/** What has to be set, where a recording cannot be read. */
export const NO_TRANSCRIPTION =
  'Sound and video are read by a transcription server; set LIMNER_TRANSCRIBE_URL to one that speaks the OpenAI API.';

/** Sound and video. There is no text in them that a process here could read: `ingest/listen.ts` has it written down. */
export const recording: Processor = {
  name: 'recording',
  version: 1,
  kinds: 'mp3 wav m4a ogg oga opus flac aac amr aif asf mp4 m4v mov 3gp webm mkv avi mpg flv'.split(' '),
  label: 'a recording',
  extensions:
    'mp3 wav m4a ogg oga opus flac aac amr aif aiff wma mp4 m4v mov 3gp webm mkv avi mpg mpeg wmv flv'.split(
      ' ',
    ),
  read,
};

/** Inside an archive it stays unread, and this says so. */
async function* read(): AsyncGenerator<Part> {
  yield { warnings: ['Sound and video inside other files are not transcribed; take them out.'] };
}
