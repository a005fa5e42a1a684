import { LimnerError } from '../errors.ts';
import type { KnownModel, ModelState, ServerStatus } from './model-state.ts';

export type Role = 'embed' | 'chat';
/** In the order in which missing models are pulled: without the first nothing is found by meaning. */
export const ROLES: readonly Role[] = ['embed', 'chat'];

const UNUSED = { name: '', state: 'unused', message: 'Another server does this.' } as const;

/** What was last seen of the server and its models; changes only through its verbs, and tells of each one. */
export interface ServerState {
  snapshot(): ServerStatus;
  onChange(listener: () => void): () => void;
  model(role: Role): ModelState;
  ready(role: Role): KnownModel | undefined;
  /** @throws LimnerError `model_unavailable` or `model_missing` when the model is not ready. */
  require(role: Role): KnownModel;
  /** The models are to be `set` next, which tells of it. */
  present(version: string | undefined): void;
  absent(message: string): void;
  set(role: Role, state: Omit<ModelState, 'name'>): void;
  setReady(role: Role, known: KnownModel): void;
}

const NAMES = { ollama: 'Ollama', openai: 'The model server' } as const;

/** `kind` says what people call it; a role without a name is another server's and stays `unused`. */
export function createServerState(
  kind: ServerStatus['kind'],
  url: string,
  names: Record<Role, string | undefined>,
): ServerState {
  const server = NAMES[kind];
  const listeners = new Set<() => void>();
  const unseen = {
    state: 'unreachable',
    message: `${server} at ${url} has not been looked at yet.`,
  } as const;
  const looking = `${server} has just been reached and is being asked for the model.`;
  const first = (name: string | undefined) => (name === undefined ? UNUSED : { name, ...unseen });
  const states: Record<Role, ModelState> = { embed: first(names.embed), chat: first(names.chat) };
  const known: Partial<Record<Role, KnownModel>> = {};
  let reachable = false;
  let version: string | undefined;
  let told = '';

  function tell(): void {
    const now = JSON.stringify([states, reachable, version, known]);
    if (now === told) return;
    told = now;
    for (const listener of listeners) listener();
  }

  function put(role: Role, state: Omit<ModelState, 'name'>, model?: KnownModel): void {
    const name = names[role];
    if (name === undefined) return;
    states[role] = { name: name === '' && model ? model.name : name, ...state };
    if (model) known[role] = model;
    else delete known[role];
  }

  return {
    snapshot: () => ({
      kind,
      url,
      reachable,
      ...(version === undefined ? {} : { version }),
      embed: { ...states.embed },
      chat: { ...states.chat },
    }),
    onChange: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    model: (role) => states[role],
    ready: (role) => known[role],
    require: (role) => {
      const model = known[role];
      if (model) return model;
      throw notReady(states[role]);
    },
    present: (seen) => {
      if (!reachable) for (const role of ROLES) put(role, { state: 'missing', message: looking });
      reachable = true;
      version = seen;
    },
    absent: (message) => {
      reachable = false;
      version = undefined;
      for (const role of ROLES) put(role, { state: 'unreachable', message });
      tell();
    },
    set: (role, state) => {
      put(role, state);
      tell();
    },
    setReady: (role, model) => {
      put(role, { state: 'ready' }, model);
      tell();
    },
  };
}

function notReady(model: ModelState): LimnerError {
  const why = model.message ?? `The model ${model.name} is ${model.state}.`;
  return new LimnerError(model.state === 'unreachable' ? 'model_unavailable' : 'model_missing', why);
}
