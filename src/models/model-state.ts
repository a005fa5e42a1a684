/** What is known about the model server and its two models. Plain data, shown in `/api/status` and `doctor`. */

export interface ModelState {
  /** As configured, such as `nomic-embed-text` or `qwen3:8b`. */
  name: string;
  /** `unused`: another server has this role. */
  state: 'unreachable' | 'missing' | 'pulling' | 'ready' | 'failed' | 'unused';
  /** 0 to 1, while `pulling`. */
  progress?: number;
  /** One plain sentence: why it is not ready. Holds no credentials. */
  message?: string;
}

export interface ServerStatus {
  kind: 'ollama' | 'openai';
  /** Without credentials. */
  url: string;
  reachable: boolean;
  version?: string;
  embed: ModelState;
  chat: ModelState;
}

/** A model that can be used now. */
export interface ReadyModel {
  /** `name@digest12`: a model pulled again with other weights is another model. */
  identity: string;
  /** The most tokens of one input. For `embed` every request asks the server for exactly this much. */
  contextTokens: number;
}

/** A ready model with what `/api/show` tells about it. */
export interface KnownModel extends ReadyModel {
  /** As the server has it, with its tag. */
  name: string;
  digest: string;
  /** The `num_ctx` parameter written into the model, if any. */
  ownContext: number | undefined;
  /** Such as `embedding`, `completion`, `thinking`; empty for servers that do not say. */
  capabilities: readonly string[];
}

/** How long each kind of call may take, in milliseconds. */
export interface Timeouts {
  /** Version, list of models, details of a model. */
  status: number;
  /** One embedding request, all of it. */
  embed: number;
  /** From the request to the first piece of an answer; a model may have to be loaded first. */
  chatFirst: number;
  /** Between two pieces of an answer. */
  chatNext: number;
  /** A whole answer. */
  chatTotal: number;
  /** Between two progress lines of a pull. */
  pullNext: number;
  /** A whole pull. */
  pullTotal: number;
}

export const TIMEOUTS: Timeouts = {
  status: 3_000,
  embed: 120_000,
  chatFirst: 300_000,
  chatNext: 60_000,
  chatTotal: 1_800_000,
  pullNext: 300_000,
  pullTotal: 86_400_000,
};

/** How often the server is looked at, in milliseconds. Pairs are the first wait and the longest one. */
export interface PollTimes {
  absent: [first: number, longest: number];
  present: number;
  /** Between two tries to pull a model. */
  pull: [first: number, longest: number];
}

export const POLL_TIMES: PollTimes = {
  absent: [2_000, 15_000],
  present: 30_000,
  pull: [30_000, 600_000],
};

/** `x` and `x:latest` are one model, and Ollama does not tell upper from lower case in names. */
export function sameModel(one: string, other: string): boolean {
  return fullName(one) === fullName(other);
}

function fullName(name: string): string {
  const lower = name.trim().toLowerCase();
  return lower.slice(lower.lastIndexOf('/') + 1).includes(':') ? lower : `${lower}:latest`;
}
