import { z } from 'zod';
import { NOTICE_EVENTS } from '../ingest/notices.ts';
import { Time } from './answer-shapes.ts';
import { SCOPES, SOURCES } from './keys.ts';

/** What the routes answer that concern the service as a whole, for the description of the API. */

const Counts = z.record(z.string(), z.int());

/** Where the passages are; addresses without credentials. */
const StoreAnswer = z.object({
  kind: z.enum(['embedded', 'qdrant']),
  state: z.enum(['ready', 'unavailable']),
  url: z.string().optional(),
  version: z.string().optional(),
  collection: z.string().optional(),
  message: z.string().nullable(),
});

export const StatusAnswer = z.object({
  documents: Counts,
  failed: Counts,
  /** Null while the store cannot be asked. */
  chunks: z.int().nullable(),
  vectors: z.int().nullable(),
  store: StoreAnswer,
  jobs: z.int(),
  settling: z.int(),
  inbox: z.object({
    path: z.string(),
    online: z.boolean(),
    message: z.string().nullable(),
    ignored: z.int(),
    held: z.int(),
    problems: z.array(z.object({ file: z.string(), line: z.int().nullable(), message: z.string() })),
    watching: z.object({ mode: z.enum(['events', 'polling']), reason: z.string().nullable() }),
  }),
  processors: z.object({
    own: z.array(z.string()),
    broken: z.array(z.object({ file: z.string(), reason: z.string() })),
  }),
  /** What is known of each server that is set. */
  servers: z.record(z.string(), z.unknown()),
});

export const ReadyAnswer = z.object({
  status: z.enum(['ready', 'degraded']),
  message: z.string().nullable(),
  store: StoreAnswer,
  servers: z.record(z.string(), z.unknown()),
});

export const ScanAnswer = z.object({
  dry_run: z.boolean(),
  added: z.array(z.string()),
  updated: z.array(z.string()),
  moved: z.array(z.object({ from: z.string(), to: z.string() })),
  forgotten: z.array(z.string()),
  ignored: z.array(z.object({ path: z.string(), reason: z.string() })),
  unreadable: z.array(z.object({ folder: z.string(), reason: z.string() })),
  bytes: z.number(),
  seconds: z.number(),
});

export const VerifyAnswer = z.object({
  documents: z.int(),
  files: z.int(),
  hashed: z.int(),
  findings: z.array(
    z.object({ document: z.string().nullable(), uri: z.string().nullable(), problem: z.string() }),
  ),
});

const Change = z.object({ from: z.string(), to: z.string(), before: z.number(), after: z.number() });

export const IndexAnswer = z.object({
  model: z.string().nullable(),
  previous: z.string().nullable(),
  held: z.boolean(),
  building: z.object({ model: z.string(), vectors: z.int(), chunks: z.int() }).nullable(),
  compared: Change.nullable(),
});

export const GoldenAnswer = z.object({
  id: z.string(),
  question: z.string(),
  documents: z.array(z.string()),
});

/** `places` are those of the last time, from 1, among the first ten; null before it was asked. */
export const GoldenListAnswer = z.object({
  data: z.array(GoldenAnswer.extend({ places: z.array(z.int()).nullable() })),
  last: z
    .object({ questions: z.int(), recall: z.number(), mrr: z.number(), ndcg: z.number(), at: Time })
    .nullable(),
  next_cursor: z.null(),
});

const Share = z.number().nullable();
export const EvalAnswer = z.object({ questions: z.int(), recall: Share, mrr: Share, ndcg: Share });

export const JobAnswer = z.object({
  id: z.string(),
  kind: z.string(),
  document_id: z.string().nullable(),
  state: z.enum(['queued', 'waiting', 'running']),
  failures: z.int(),
  reason: z.string().nullable(),
  run_at: Time,
});

export const KeyAnswer = z.object({
  id: z.string(),
  name: z.string(),
  scopes: z.array(z.enum(SCOPES)),
  collections: z.array(z.string()).nullable(),
  rate: z.int().nullable(),
  expires_at: Time.nullable(),
  created_at: Time,
  sources: z.enum(SOURCES).nullable(),
});

export const MessageAnswer = z.object({
  id: z.string(),
  event: z.enum(NOTICE_EVENTS),
  attempts: z.int(),
  status: z.int().nullable(),
  error: z.string().nullable(),
  state: z.enum(['waiting', 'delivered', 'failed']),
  created_at: Time,
  ended_at: Time.nullable(),
});

export const WebhookAnswer = z.object({
  id: z.string(),
  url: z.string(),
  events: z.array(z.enum(NOTICE_EVENTS)),
  disabled: z.string().nullable(),
  created_at: Time,
  last: MessageAnswer.nullable(),
});

const Ready = z.object({ url: z.string(), state: z.string(), lacks: z.array(z.string()) });
const Model = z.object({
  folder: z.string(),
  name: z.string(),
  url: z.string().optional(),
  sha256: z.string().optional(),
  size: z.int().optional(),
});

export const WorkflowAnswer = z.object({
  name: z.string(),
  description: z.string(),
  tags: z.array(z.string()),
  inputs: z.record(z.string(), z.looseObject({ kind: z.string() })),
  requires: z.object({ vram_min_gb: z.number(), models: z.array(Model) }),
  ready: z.boolean(),
  workers: z.array(Ready),
});

export const WorkerModelsAnswer = z.object({
  worker: z.string(),
  reachable: z.boolean(),
  models: z.record(z.string(), z.array(z.string())),
});

export const PresetAnswer = z.object({
  name: z.string(),
  models: z.array(Model.extend({ installed: z.array(z.string()) })),
});

export const QueueAnswer = z.object({
  waiting: z.int(),
  running: z.int(),
  states: Counts,
  workers: z.array(
    z.object({
      kind: z.enum(['comfyui', 'automatic1111']),
      url: z.string(),
      reachable: z.boolean(),
      stuck: z.boolean(),
      version: z.string().nullable(),
      message: z.string().nullable(),
      busy: z.int(),
      vram_bytes: z.number().nullable(),
    }),
  ),
});

export const SettingAnswer = z.object({
  name: z.string(),
  value: z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]).nullable(),
  is_set: z.boolean(),
  is_secret: z.boolean(),
});

const Finished = z.object({ documents: z.int(), bytes: z.int(), pictures: z.int() });

export const SystemAnswer = z.object({
  version: z.string(),
  started_at: Time,
  memory_bytes: z.int(),
  disk: z.object({
    free_bytes: z.number(),
    size_bytes: z.number(),
    reserved_bytes: z.number(),
    used: z.record(z.string(), z.int()),
  }),
  throughput: z.object({ last_minute: Finished, last_hour: Finished, readers: z.int() }),
});

export const PullAnswer = z
  .object({
    id: z.string(),
    object: z.literal('pull'),
    model: z.string(),
    state: z.enum(['pulling', 'done', 'failed', 'cancelled']),
    progress: z.number(),
    message: z.string().nullable(),
    started_at: Time,
  })
  .meta({ id: 'Pull' });
