import { z } from 'zod';
import { LimnerError, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { ConnectionError, TooSlowError } from './failures.ts';
import { isSameModel, PROBE, type Identify } from './fingerprints.ts';
import type { ListedModel } from './model-server.ts';
import type { KnownModel, PollTimes, Timeouts } from './model-state.ts';
import { NoRouteError, SERVER, type OpenAiCalls } from './openai-call.ts';
import type { AskVectors } from './openai-embed.ts';
import { createPoller } from './poller.ts';
import { createServerState, ROLES, type Role, type ServerState } from './server-state.ts';

export interface OpenAiWatchOptions {
  url: string;
  /** A role without a name is another server's; an empty name is the only model that the server has. */
  names: Record<Role, string | undefined>;
  calls: OpenAiCalls;
  askVectors: AskVectors;
  identify: Identify;
  log: Log;
  timeouts: Timeouts;
  poll: PollTimes;
}

/** Knows whether the server and its models can be used. Nothing can be pulled here. */
export interface OpenAiWatch {
  state: ServerState;
  start(): void;
  close(): Promise<void>;
  check(): Promise<void>;
  /** The name of a model that the server has. @throws LimnerError `model_missing`, `model_unavailable`. */
  named(name: string): string;
  chatModels(): ListedModel[];
  /** @throws LimnerError `model_answer` when another model answers under the name. */
  confirm(model: KnownModel, signal: AbortSignal): Promise<void>;
  callFailed(error: unknown): void;
  closing: AbortSignal;
}

/** `max_model_len` is vLLM's, `meta.n_ctx_train` llama.cpp's, `max_context_length` LM Studio's. */
const Model = z.looseObject({
  id: z.string().min(1),
  max_model_len: z.int().positive().nullish(),
  max_context_length: z.int().positive().nullish(),
  meta: z.looseObject({ n_ctx_train: z.int().positive().nullish() }).nullish(),
});
const Models = z.object({ data: z.array(Model) });
type Model = z.infer<typeof Model>;

/** Where the server does not say; it refuses what is longer, and then texts are cut. */
const CONTEXT_UNTOLD = 8192;
const EMBED_CONTEXT_MOST = 8192;

export function createOpenAiWatch(options: OpenAiWatchOptions): OpenAiWatch {
  const { url, names, calls, askVectors, log, timeouts, poll } = options;
  const closing = new AbortController();
  const state = createServerState('openai', url, names);
  const poller = createPoller(look);
  let listed: readonly Model[] = [];
  let probe: Float32Array | undefined;
  let absences = 0;

  async function look(): Promise<number> {
    if (closing.signal.aborted) return poll.present;
    try {
      listed = await list();
      if (!state.snapshot().reachable) log.info({ url }, 'the model server is reachable');
      absences = 0;
      state.present(undefined);
      for (const role of ROLES) if (names[role] !== undefined) await settle(role, names[role]);
    } catch (error) {
      lookFailed(error);
    }
    const [first, longest] = poll.absent;
    return absences === 0 ? poll.present : Math.min(first * 2 ** (absences - 1), longest);
  }

  async function list(): Promise<Model[]> {
    const limits = { total: timeouts.status };
    try {
      return (await calls.once({ path: '/models', schema: Models, limits, signals: [closing.signal] })).data;
    } catch (error) {
      // Servers for embeddings alone may have no list; what they have shows when something is embedded.
      if (error instanceof NoRouteError && names.chat === undefined && names.embed)
        return [{ id: names.embed }];
      throw error;
    }
  }

  async function settle(role: Role, name: string): Promise<void> {
    const found = name === '' && listed.length === 1 ? listed[0] : listed.find(({ id }) => id === name);
    if (!found) return state.set(role, { state: 'missing', message: missing(name) });
    if (state.ready(role)?.name === found.id) return;
    const known = role === 'chat' ? chatModel(found) : await embedModel(found);
    state.setReady(role, known);
    log.info({ model: known.identity, context_tokens: known.contextTokens }, 'model is ready');
  }

  async function embedModel(model: Model): Promise<KnownModel> {
    probe = await probeOf(model.id, closing.signal);
    const digest = await options.identify(model.id, probe);
    const contextTokens = Math.min(contextOf(model), EMBED_CONTEXT_MOST);
    const identity = `${model.id}@${digest.slice(0, 12)}`;
    return { ...chatModel(model), identity, digest, contextTokens };
  }

  async function probeOf(model: string, signal: AbortSignal): Promise<Float32Array> {
    const { vectors } = await askVectors([PROBE], model, [signal, closing.signal]);
    return Float32Array.from(vectors[0] ?? []);
  }

  function missing(name: string): string {
    const there = listed.map(({ id }) => id).join(', ') || 'none';
    const wanted = name === '' ? 'needs to be told which model to use' : `does not have the model ${name}`;
    return `${SERVER} at ${url} ${wanted}; it has: ${there}.`;
  }

  function lookFailed(error: unknown): void {
    if (closing.signal.aborted) return;
    if (!(error instanceof LimnerError)) log.error({ err: error }, 'looking at the model server failed');
    markAbsent(messageOf(error));
  }

  function markAbsent(message: string): void {
    if (state.snapshot().reachable || absences === 0) log.warn({ url }, message);
    absences += 1;
    state.absent(message);
  }

  return {
    state,
    start: () => poller.start(),
    close: async () => {
      closing.abort(new LimnerError('cancelled', 'Limner is stopping.'));
      await poller.close();
    },
    check: () => poller.look(),
    named: (name) => {
      if (!state.snapshot().reachable)
        throw new LimnerError('model_unavailable', `${SERVER} at ${url} cannot be reached.`);
      if (listed.some(({ id }) => id === name)) return name;
      throw new LimnerError('model_missing', missing(name));
    },
    chatModels: () =>
      state.snapshot().reachable
        ? listed
            .filter(({ id }) => !/embed/i.test(id))
            .map(({ id }) => ({ name: id, vision: undefined, tools: undefined }))
        : [],
    confirm: async (model, signal) => {
      const now = await probeOf(model.name, signal);
      if (probe && isSameModel(now, probe)) return;
      state.set('embed', { state: 'missing', message: 'Another model answers under the same name.' });
      poller.wake();
      throw new LimnerError('model_answer', `The model ${model.name} was replaced during the call.`);
    },
    callFailed: (error) => {
      if (!state.snapshot().reachable) return;
      if (error instanceof ConnectionError) markAbsent(error.message);
      if (error instanceof ConnectionError || error instanceof TooSlowError) poller.wake();
    },
    closing: closing.signal,
  };
}

function chatModel(model: Model): KnownModel {
  return {
    name: model.id,
    identity: model.id,
    digest: '',
    contextTokens: contextOf(model),
    ownContext: undefined,
    capabilities: [],
  };
}

function contextOf({ max_model_len: vllm, max_context_length: lmStudio, meta }: Model): number {
  return vllm ?? lmStudio ?? meta?.n_ctx_train ?? CONTEXT_UNTOLD;
}
