import { Agent, fetch, FormData } from 'undici';
import { z } from 'zod';
import { LimnerError } from '../errors.ts';
import { startDeadline } from './deadline.ts';
import { failureOf, TooLongError } from './failures.ts';
import { refusal, SERVER } from './openai-call.ts';
import { parseOpenAiHost } from './openai-host.ts';

/** What was said in a recording. */
export interface Transcript {
  text: string;
  /** As the server calls it, where it tells. */
  language?: string | undefined;
  /** Seconds from the start; empty where the server gives the text alone. */
  segments: { start: number; end: number; text: string }[];
}

export interface Recording {
  bytes: Blob;
  /** Servers tell the format by the ending. */
  name: string;
  /** ISO 639-1, where it is known. */
  language?: string | undefined;
  /** Names and words that are likely to be said. */
  prompt?: string | undefined;
}

/**
 * Writes down what is said.
 * @throws LimnerError `model_unavailable`, `model_missing`, `model_answer`, `input_too_long` (the server takes no file
 * of that size), `cancelled`.
 */
export type Transcribe = (recording: Recording, signal: AbortSignal) => Promise<Transcript>;

export interface TranscribeOptions {
  /** Base URL of a server of OpenAI's API, such as `http://127.0.0.1:8000/v1`. */
  url: string;
  key?: string | undefined;
  model: string;
  /** A whole recording, ms. */
  totalMs?: number;
}

/** A machine without a GPU takes about as long as the recording. */
const TOTAL_MS = 4 * 3_600_000;

const Answer = z.object({
  text: z.string(),
  language: z.string().nullish(),
  segments: z
    .array(z.object({ start: z.number().min(0), end: z.number().min(0), text: z.string() }))
    .nullish(),
});

/** A server that speaks OpenAI's `/audio/transcriptions`. @throws LimnerError `invalid_config` for a bad address. */
export function createTranscribe({ url, key, model, totalMs = TOTAL_MS }: TranscribeOptions): Transcribe {
  const host = parseOpenAiHost(url, key);
  // The answer comes when all is written down, and the clock of the call is the only one that counts.
  const dispatcher = new Agent({ headersTimeout: 0, bodyTimeout: 0, connect: { timeout: 10_000 } });

  return async (recording, signal) => {
    const deadline = startDeadline(`${SERVER} at ${host.url}`, { total: totalMs }, [signal]);
    try {
      const response = await fetch(`${host.url}/audio/transcriptions`, {
        method: 'POST',
        headers: host.authorization === undefined ? {} : { authorization: host.authorization },
        body: formOf(recording, model),
        redirect: 'error',
        signal: deadline.signal,
        dispatcher,
      });
      if (!response.ok) throw refusal(response.status, await response.text(), host);
      return transcriptOf(Answer.parse(await response.json()));
    } catch (error) {
      if (error instanceof TooLongError)
        throw new LimnerError(
          'input_too_long',
          `${SERVER} takes no recording of this size: ${error.message}.`,
        );
      throw deadline.signal.aborted ? deadline.signal.reason : failureOf(error, SERVER, host.url);
    } finally {
      deadline.end();
    }
  };
}

function formOf({ bytes, name, language, prompt }: Recording, model: string): FormData {
  const form = new FormData();
  form.set('model', model);
  form.set('response_format', 'verbose_json');
  form.append('timestamp_granularities[]', 'segment');
  if (language !== undefined) form.set('language', language);
  if (prompt !== undefined) form.set('prompt', prompt);
  form.set('file', bytes, name);
  return form;
}

function transcriptOf({ text, language, segments }: z.infer<typeof Answer>): Transcript {
  return { text, language: language ?? undefined, segments: segments ?? [] };
}
