import { z } from 'zod';
import type { InputValues } from './bind.ts';
import { Loras } from './lora.ts';
import type { Media } from './media.ts';

export const JOB_STATES = [
  'waiting',
  'running',
  'cancelling',
  'done',
  'failed',
  'cancelled',
  'lost',
] as const;
export type JobState = (typeof JOB_STATES)[number];
export const ENDED: ReadonlySet<JobState> = new Set(['done', 'failed', 'cancelled', 'lost']);

/** A passage that an illustration was made from. */
export const Origin = z.strictObject({
  document: z.string(),
  collection: z.string().optional(),
  title: z.string(),
  page: z.number().nullable(),
  url: z.string(),
  text: z.string(),
});
export type Origin = z.infer<typeof Origin>;

export interface ImageJob {
  id: string;
  /** Rises from job to job. */
  number: number;
  workflow: string;
  state: JobState;
  inputs: InputValues;
  /** What the pictures were made from; empty where nobody's words were illustrated. */
  passages: Origin[];
  outputs: Media[];
  /** 0 to 1. */
  progress: number;
  error: { code: string; message: string } | null;
  worker: string | null;
  promptId: string | null;
  /** Under which the run was posted: the socket of this id hears of it. */
  clientId: string | null;
  attempts: number;
  createdAt: string;
  updatedAt: string;
}

/** A row of `image_job`. */
export interface Row {
  id: string;
  number: number;
  workflow: string;
  state: JobState;
  inputs: string;
  passages: string;
  outputs: string;
  error_code: string | null;
  error_message: string | null;
  worker: string | null;
  prompt_id: string | null;
  client_id: string | null;
  attempts: number;
  created_at: string;
  updated_at: string;
}

const Inputs = z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), Loras]));
const Kept = z.array(
  z.object({
    id: z.string(),
    kind: z.enum(['image', 'animation', 'video', 'audio', 'text', 'file']),
    mime: z.string(),
    bytes: z.number(),
    name: z.string(),
  }),
);

/** A row as a job; `progress` of one that is under way is kept elsewhere. */
export const toJob = (row: Row, progress = 0): ImageJob => ({
  id: row.id,
  number: row.number,
  workflow: row.workflow,
  state: row.state,
  inputs: Inputs.parse(JSON.parse(row.inputs)),
  passages: z.array(Origin).parse(JSON.parse(row.passages)),
  outputs: Kept.parse(JSON.parse(row.outputs)),
  progress: row.state === 'done' ? 1 : progress,
  error: row.error_code === null ? null : { code: row.error_code, message: row.error_message ?? '' },
  worker: row.worker,
  promptId: row.prompt_id,
  clientId: row.client_id,
  attempts: row.attempts,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});
