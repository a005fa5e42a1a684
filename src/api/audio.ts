import multipart from '@fastify/multipart';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { LimnerError } from '../errors.ts';
import { baseName, bytesOfPart, partsOf } from './documents.ts';
import { parse } from './failure.ts';
import { signalOf } from './sse.ts';

/** What was said; times are seconds from the start. */
interface Transcript {
  text: string;
  language?: string | undefined;
  segments: { start: number; end: number; text: string }[];
}

/** Writes down what is said. */
export type TranscribeSent = (
  recording: { bytes: Blob; name: string; language?: string | undefined; prompt?: string | undefined },
  signal: AbortSignal,
) => Promise<Transcript>;

/** The recording is held in memory until it is sent on. */
const MAX_BYTES = 100 * 1024 * 1024;

/** What is not named here is ignored; docs/openai.md lists each field of OpenAI's. */
export const TranscriptionFields = z.looseObject({
  model: z.string().min(1),
  language: z.string().min(1).max(20).optional(),
  prompt: z.string().max(10_000).optional(),
  response_format: z.enum(['json', 'text', 'srt', 'verbose_json', 'vtt']).default('json'),
  stream: z.enum(['false', '0'], { error: 'transcriptions are not streamed' }).optional(),
});
type Fields = z.infer<typeof TranscriptionFields>;

/** Transcriptions by the server that is set for them; without one the answer is a clear 503. */
export function audioRoutes(
  server: FastifyInstance,
  { transcribe }: { transcribe?: TranscribeSent | undefined },
): void {
  void server.register(async (scope) => {
    await scope.register(multipart, { limits: { files: 1, fileSize: MAX_BYTES } });
    scope.post('/v1/audio/transcriptions', (request, reply) => {
      if (!transcribe)
        throw new LimnerError(
          'model_unavailable',
          'There is no server for transcriptions: set LIMNER_TRANSCRIBE_URL.',
        );
      return answer(transcribe, request, reply);
    });
  });
}

async function answer(
  transcribe: TranscribeSent,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<unknown> {
  const { file, fields } = await readForm(request);
  const { language, prompt, response_format: format } = parse(TranscriptionFields, fields);
  const said = await transcribe({ ...file, language, prompt }, signalOf(request, reply));
  return inFormat(said, format, reply);
}

async function readForm(request: FastifyRequest) {
  if (!request.isMultipart())
    throw new LimnerError('invalid_request', 'Send the recording as multipart/form-data.', { param: 'file' });
  const fields: Record<string, unknown> = {};
  let file: { bytes: Blob; name: string } | undefined;
  for await (const part of partsOf(request)) {
    if (part.type === 'file')
      file = { bytes: new Blob([new Uint8Array(await bytesOfPart(part))]), name: baseName(part.filename) };
    else fields[part.fieldname] = part.value;
  }
  if (!file) throw new LimnerError('invalid_request', 'file: is required.', { param: 'file' });
  return { file, fields };
}

function inFormat(said: Transcript, format: Fields['response_format'], reply: FastifyReply): unknown {
  const duration = said.segments.at(-1)?.end ?? 0;
  if (format === 'json')
    return { text: said.text, usage: { type: 'duration', seconds: Math.ceil(duration) } };
  if (format === 'verbose_json') return verbose(said, duration);
  void reply.type('text/plain; charset=utf-8');
  if (format === 'text') return `${said.text}\n`;
  const lines = said.segments.map(({ start, end, text }, at) => {
    const times = [start, end].map((seconds) => clock(seconds, format === 'srt' ? ',' : '.')).join(' --> ');
    return `${format === 'srt' ? `${at + 1}\n` : ''}${times}\n${text.trim()}\n\n`;
  });
  return (format === 'vtt' ? 'WEBVTT\n\n' : '') + lines.join('');
}

function verbose({ text, language = '', segments }: Transcript, duration: number) {
  return {
    task: 'transcribe',
    language,
    duration,
    text,
    // What the model itself counts is not told by every server; zeros mean "not known".
    segments: segments.map((segment, id) => ({
      id,
      seek: 0,
      ...segment,
      tokens: [],
      temperature: 0,
      avg_logprob: 0,
      compression_ratio: 0,
      no_speech_prob: 0,
    })),
  };
}

/** `01:02:03,456`, as subtitles write it. */
function clock(seconds: number, point: ',' | '.'): string {
  return new Date(Math.round(seconds * 1000)).toISOString().slice(11, 23).replace('.', point);
}
