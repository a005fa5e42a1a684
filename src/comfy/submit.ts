import { LimnerError } from '../errors.ts';
import type { Graph } from './graph.ts';
import { refused, type Http, type Reply } from './http.ts';
import { pause } from './pause.ts';
import type { PromptState } from './record.ts';
import { Accepted, Refused, type NodeErrors } from './wire.ts';

type Problems = ReturnType<typeof NodeErrors.parse>;

/**
 * Posts a prompt under an id of our own. The server runs a doubled id twice, and an answer of 500 or none does not
 * mean that it was not queued, so before posting again it is asked whether it knows the id.
 */
export function createSubmit({
  http,
  url,
  readRecord,
  retryMs,
}: {
  http: Http;
  url: string;
  readRecord: (id: string, signal: AbortSignal) => Promise<PromptState>;
  retryMs: number;
}) {
  async function isKnown(id: string, signal: AbortSignal): Promise<boolean> {
    if ((await readRecord(id, signal)).state !== 'unknown') return true;
    await pause(retryMs, signal);
    return (await readRecord(id, signal)).state !== 'unknown';
  }

  async function post(id: string, body: object, signal: AbortSignal): Promise<Reply | undefined> {
    try {
      const reply = await http.call('/api/prompt', { method: 'POST', json: body, signal });
      return reply.status >= 500 ? undefined : reply;
    } catch (error) {
      if (error instanceof LimnerError && error.code === 'image_unavailable') return undefined;
      throw error;
    }
  }

  return async function submit(
    { id, graph, clientId }: { id: string; graph: Graph; clientId: string },
    signal: AbortSignal,
  ): Promise<void> {
    const body = { prompt: graph, prompt_id: id, client_id: clientId };
    let reply = await post(id, body, signal);
    if (!reply && (await isKnown(id, signal))) return;
    reply ??= await post(id, body, signal);
    if (!reply) {
      if (await isKnown(id, signal)) return;
      throw refused(url, '/prompt', 500);
    }
    if (reply.status === 409) return;
    if (reply.status !== 200) throw refusal(reply, url);
    const accepted = Accepted.safeParse(reply.body);
    if (!accepted.success) throw new LimnerError('image_answer', `ComfyUI at ${url} did not take the job.`);
    // A 200 with node errors runs only a part of the graph.
    const problem = firstProblem(accepted.data.node_errors);
    if (problem === undefined) return;
    await http.call(`/api/queue`, { method: 'POST', json: { delete: [id] }, signal });
    await http.call('/api/interrupt', { method: 'POST', json: { prompt_id: id }, signal });
    throw new LimnerError('image_refused', `ComfyUI refused a part of the workflow: ${problem}.`);
  };
}

function refusal(reply: Reply, url: string): LimnerError {
  if (reply.status === 413) return new LimnerError('too_large', 'The job is larger than the worker takes.');
  const parsed = Refused.safeParse(reply.body);
  if (reply.status !== 400 || !parsed.success) return refused(url, '/prompt', reply.status);
  const { error, node_errors } = parsed.data;
  const said = typeof error === 'string' ? error : `${error.message} ${error.details}`.trim();
  const problem = firstProblem(node_errors) ?? said;
  return new LimnerError('image_refused', `ComfyUI refused the workflow: ${problem}.`);
}

function firstProblem(errors: Problems): string | undefined {
  for (const [id, { class_type, errors: list }] of Object.entries(errors))
    for (const { message, details } of list)
      return `node ${id} (${class_type}): ${[message, details].filter(Boolean).join(', ')}`.slice(0, 400);
  return Object.keys(errors).length > 0 ? 'a node is not valid' : undefined;
}
