import { LimnerError } from '../errors.ts';
import { refused, type Http } from './http.ts';
import { History, HistoryEntry, JobRecord, Queue, type Outputs } from './wire.ts';

/** What the server itself says about one of our prompts; the only thing that ends a job. */
export type PromptState =
  | { state: 'unknown' }
  | { state: 'pending' | 'running' }
  | { state: 'done'; outputs: Outputs }
  | { state: 'interrupted' }
  | { state: 'failed'; failure: RunFailure };

export interface RunFailure {
  type: string;
  message: string;
  node: string;
}

/**
 * Reads the state of a prompt. `/api/jobs/{id}` tells everything in one call; where a server lacks it (before
 * 0.5) or one entry breaks it (500), queue and history together say the same.
 */
export function createRecordReader(http: Http, url: string) {
  let hasJobs = true;

  async function fromQueue(id: string, signal: AbortSignal): Promise<PromptState> {
    const first = await inQueue(id, signal);
    if (first) return { state: first };
    const history = await http.json(History, `/api/history/${id}`, { signal });
    const entry = history[id];
    if (entry) return fromHistory(entry);
    // It may have begun or ended between the two calls.
    const second = await inQueue(id, signal);
    return { state: second ?? 'unknown' };
  }

  async function inQueue(id: string, signal: AbortSignal): Promise<'pending' | 'running' | undefined> {
    const queue = await http.json(Queue, '/api/queue', { signal });
    if (queue.queue_running.some(([, one]) => one === id)) return 'running';
    return queue.queue_pending.some(([, one]) => one === id) ? 'pending' : undefined;
  }

  return async function readRecord(id: string, signal: AbortSignal): Promise<PromptState> {
    if (!hasJobs) return fromQueue(id, signal);
    const reply = await http.call(`/api/jobs/${id}`, { signal });
    if (reply.status === 404 && reply.body !== undefined) return { state: 'unknown' };
    if (reply.status === 404 || reply.status === 405) hasJobs = false;
    const parsed = JobRecord.safeParse(reply.body);
    if (reply.status === 200 && parsed.success) return fromJob(parsed.data);
    if (reply.status === 401 || reply.status === 403) throw refused(url, '/api/jobs', reply.status);
    return fromQueue(id, signal);
  };
}

function fromJob(job: JobRecord): PromptState {
  if (job.status === 'pending') return { state: 'pending' };
  if (job.status === 'in_progress') return { state: 'running' };
  if (job.status === 'completed') return { state: 'done', outputs: job.outputs ?? {} };
  if (job.status === 'cancelled') return { state: 'interrupted' };
  const entry = HistoryEntry.parse({ outputs: {}, status: job.execution_status ?? null });
  const found = fromHistory(entry);
  if (found.state === 'failed') return found;
  return { state: 'failed', failure: failureFrom(job.execution_error ?? {}) };
}

type JobRecord = ReturnType<typeof JobRecord.parse>;

function fromHistory(entry: ReturnType<typeof HistoryEntry.parse>): PromptState {
  const { status, outputs } = entry;
  if (!status || status.status_str === 'success') return { state: 'done', outputs };
  const last = (kind: string) => status.messages.findLast(([name]) => name === kind)?.[1];
  if (last('execution_interrupted')) return { state: 'interrupted' };
  return { state: 'failed', failure: failureFrom(last('execution_error') ?? {}) };
}

export function failureFrom(data: Record<string, unknown>): RunFailure {
  const text = (name: string): string => (typeof data[name] === 'string' ? data[name].trim() : '');
  return {
    type: text('exception_type') || 'Error',
    message: firstLine(text('exception_message')),
    node: text('node_type') || text('node_id'),
  };
}

/** A worker's paths are nobody's business. */
function firstLine(text: string): string {
  const [line = ''] = text.split('\n');
  return line.replaceAll(/(?:[A-Za-z]:)?(?:[\\/][^\s'"\\/:]+){2,}/g, '(a path)').slice(0, 300);
}

const MEMORY = /out of memory|OutOfMemory|CUBLAS_STATUS_ALLOC_FAILED/i;

/** The failure of a run as one of our errors. */
export function runError(failure: RunFailure): LimnerError {
  const text = `${failure.type}: ${failure.message}`;
  if (MEMORY.test(text))
    return new LimnerError('image_memory', 'The worker has too little graphics memory for this workflow.');
  return new LimnerError(
    'image_failed',
    `The node ${failure.node || 'of the workflow'} failed on the worker: ${failure.message || failure.type}.`,
  );
}
