import { z } from 'zod';

/** A reference to a file on the worker, as nodes write it into their output. */
export const FileReference = z.looseObject({
  filename: z.string(),
  subfolder: z.string().default(''),
  type: z.string().default('output'),
});
export type FileReference = z.infer<typeof FileReference>;

/** Per node, per key, what it gave; keys and shapes are the nodes' own. */
export const Outputs = z.record(z.string(), z.record(z.string(), z.unknown()));
export type Outputs = z.infer<typeof Outputs>;

export const Message = z.tuple([z.string(), z.record(z.string(), z.unknown())]);

export const RunStatus = z.looseObject({
  status_str: z.string(),
  completed: z.boolean(),
  messages: z.array(Message).catch([]),
});

export const JobRecord = z.looseObject({
  id: z.string(),
  status: z.enum(['pending', 'in_progress', 'completed', 'failed', 'cancelled']),
  outputs: Outputs.optional(),
  execution_status: RunStatus.nullish(),
  execution_error: z.record(z.string(), z.unknown()).nullish(),
});

export const HistoryEntry = z.looseObject({
  outputs: Outputs.default({}),
  status: RunStatus.nullish(),
});
export const History = z.record(z.string(), HistoryEntry);

const QueueItem = z.tuple([z.number(), z.string()]).rest(z.unknown());
export const Queue = z.looseObject({
  queue_running: z.array(QueueItem),
  queue_pending: z.array(QueueItem),
});

export const NodeError = z.looseObject({
  class_type: z.string().default(''),
  errors: z
    .array(
      z.looseObject({
        type: z.string().default(''),
        message: z.string().default(''),
        details: z.string().default(''),
        extra_info: z.looseObject({ input_name: z.string().optional() }).nullish(),
      }),
    )
    .default([]),
});
export const NodeErrors = z.record(z.string(), NodeError);

export const Accepted = z.looseObject({ prompt_id: z.string(), node_errors: NodeErrors.catch({}) });
export const Refused = z.looseObject({
  error: z.union([
    z.string(),
    z.looseObject({ type: z.string(), message: z.string(), details: z.string().default('') }),
  ]),
  node_errors: NodeErrors.catch({}),
});

export const SystemStats = z.looseObject({
  system: z.looseObject({ comfyui_version: z.string().optional() }),
  devices: z.array(
    z.looseObject({
      name: z.string(),
      type: z.string(),
      vram_total: z.number(),
      vram_free: z.number(),
      torch_vram_total: z.number().default(0),
      torch_vram_free: z.number().default(0),
    }),
  ),
});
export type SystemStats = z.infer<typeof SystemStats>;

export const Features = z.looseObject({
  max_upload_size: z.number().optional(),
  supports_preview_metadata: z.boolean().optional(),
});

export const Uploaded = z.looseObject({ name: z.string(), subfolder: z.string().default('') });

export const Cancelled = z.looseObject({ cancelled: z.boolean() });

const InputSpecs = z.record(z.string(), z.unknown()).optional();

/** One class of `/object_info`. An input's spec is `[type, options?]`. */
export const NodeClass = z.looseObject({
  input: z.looseObject({ required: InputSpecs, optional: InputSpecs }).default({}),
  input_order: z
    .looseObject({ required: z.array(z.string()).optional(), optional: z.array(z.string()).optional() })
    .optional(),
  output: z.array(z.unknown()).catch([]),
  output_node: z.boolean().default(false),
});
export type NodeClass = z.infer<typeof NodeClass>;

export const ObjectInfo = z.record(z.string(), NodeClass);
export type ObjectInfo = z.infer<typeof ObjectInfo>;
