import { z } from 'zod';

/** Answers of AUTOMATIC1111's web API (`/sdapi/v1`), as far as they are read. */
export const Checkpoints = z.array(z.looseObject({ title: z.string(), filename: z.string().default('') }));
export const LoraNames = z.array(z.looseObject({ name: z.string() }));
export const Options = z.looseObject({ sd_model_checkpoint: z.string().nullish() });

export const Progress = z.looseObject({
  progress: z.number().catch(0),
  current_image: z.string().nullish(),
  /** 0 while nothing runs, and -1 when a run has just begun. */
  state: z.looseObject({ job_count: z.number().catch(0) }).catch({ job_count: 0 }),
});
export type Progress = z.infer<typeof Progress>;

/** What its page asks: how a run stands, by the id that was given as `force_task_id`. */
export const Task = z.looseObject({ active: z.boolean(), queued: z.boolean(), completed: z.boolean() });

export const Made = z.looseObject({ images: z.array(z.string()) });

export const Failed = z.looseObject({
  error: z.string().default(''),
  detail: z.unknown().optional(),
  errors: z.string().default(''),
});

const Bytes = z.looseObject({ free: z.number(), total: z.number() });
export const Memory = z.looseObject({
  cuda: z
    .looseObject({ system: Bytes, reserved: z.looseObject({ current: z.number() }).optional() })
    .optional()
    .catch(undefined),
});
export type Memory = z.infer<typeof Memory>;
