import type { Ollama } from 'ollama';
import { z } from 'zod';
import { sameModel, type KnownModel } from './model-state.ts';

export interface InstalledModel {
  /** With its tag. */
  name: string;
  digest: string;
}

const VersionAnswer = z.object({ version: z.string() });
const TagsAnswer = z.object({ models: z.array(z.object({ name: z.string(), digest: z.string().min(12) })) });
const ShowAnswer = z.object({
  parameters: z.string().optional(),
  model_info: z.record(z.string(), z.unknown()).optional(),
  capabilities: z.array(z.string()).optional(),
});

/** What embedding models have at least, for a server that does not tell. */
const EMBED_CONTEXT_UNTOLD = 2048;
/** Ollama's own default for small machines. */
const CHAT_CONTEXT_UNTOLD = 4096;
/** A chunk never needs more, and a context of 40 960 tokens costs gigabytes of memory. */
const EMBED_CONTEXT_MOST = 8192;

export async function askVersion(ollama: Ollama): Promise<string> {
  return VersionAnswer.parse(await ollama.version()).version;
}

export async function listInstalled(ollama: Ollama): Promise<InstalledModel[]> {
  return TagsAnswer.parse(await ollama.list()).models;
}

export function findInstalled(models: readonly InstalledModel[], name: string): InstalledModel | undefined {
  return models.find((model) => sameModel(model.name, name));
}

/** What `/api/show` tells about an installed model. */
export async function describeModel(
  ollama: Ollama,
  model: InstalledModel,
  use: 'embed' | 'chat',
): Promise<KnownModel> {
  const shown = ShowAnswer.parse(await ollama.show({ model: model.name }));
  const ownContext = contextParameter(shown.parameters);
  const trained = trainedContext(shown.model_info);
  return {
    name: model.name,
    identity: identityOf(model),
    digest: model.digest,
    contextTokens: use === 'chat' ? (trained ?? CHAT_CONTEXT_UNTOLD) : embedContext(trained, ownContext),
    ownContext,
    capabilities: shown.capabilities ?? [],
  };
}

function embedContext(trained: number | undefined, own: number | undefined): number {
  return Math.min(trained ?? EMBED_CONTEXT_UNTOLD, own ?? EMBED_CONTEXT_MOST, EMBED_CONTEXT_MOST);
}

function identityOf(model: InstalledModel): string {
  const name = model.name.toLowerCase().replace(/:latest$/, '');
  return `${name}@${model.digest.replace(/^sha256:/, '').slice(0, 12)}`;
}

/** `model_info` has `<architecture>.context_length`, such as `bert.context_length`. */
function trainedContext(info: Record<string, unknown> = {}): number | undefined {
  const own = `${String(info['general.architecture'])}.context_length`;
  const key = own in info ? own : Object.keys(info).find((name) => name.endsWith('.context_length'));
  const parsed = z
    .int()
    .positive()
    .safeParse(key === undefined ? undefined : info[key]);
  return parsed.success ? parsed.data : undefined;
}

/** `parameters` is text, one `name value` per line. */
function contextParameter(parameters = ''): number | undefined {
  const value = Number(/^num_ctx\s+(\d+)\s*$/m.exec(parameters)?.[1]);
  return value > 0 ? value : undefined;
}
