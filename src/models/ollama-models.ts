import type { Ollama } from 'ollama';
import { LimnerError } from '../errors.ts';
import { describeModel, findInstalled, type InstalledModel } from './look.ts';
import type { ListedModel } from './model-server.ts';
import type { KnownModel } from './model-state.ts';

/** The models of an Ollama beside the configured ones, so that each can be asked by its own name. */
export interface OtherModels {
  /** Brings what is known in line with what is installed; a model is described once per digest. */
  update(installed: readonly InstalledModel[]): Promise<void>;
  forget(): void;
  /** @throws LimnerError `model_missing` when no installed model that writes has the name. */
  require(name: string): KnownModel;
  chatModels(): ListedModel[];
}

export function createOtherModels(
  ask: <T>(action: (ollama: Ollama) => Promise<T>) => Promise<T>,
): OtherModels {
  const described = new Map<string, KnownModel | undefined>();
  let current: readonly InstalledModel[] = [];

  /** A model that cannot be described is not offered, and does not concern the others. False: ask again later. */
  async function describe(model: InstalledModel): Promise<boolean> {
    try {
      described.set(keyOf(model), await ask((ollama) => describeModel(ollama, model, 'chat')));
      return true;
    } catch (error) {
      if (!(error instanceof LimnerError)) throw error;
      if (error.code === 'model_unavailable') return false;
      described.set(keyOf(model), undefined);
      return true;
    }
  }

  const known = (model: InstalledModel): KnownModel | undefined => described.get(keyOf(model));

  return {
    update: async (installed) => {
      current = installed;
      for (const model of installed) if (!described.has(keyOf(model)) && !(await describe(model))) return;
    },
    forget: () => {
      current = [];
    },
    require: (name) => {
      const installed = findInstalled(current, name);
      const model = installed && known(installed);
      if (model && canWrite(model)) return model;
      throw new LimnerError('model_missing', `Ollama has no model ${name} that writes answers.`);
    },
    chatModels: () =>
      current.flatMap((model) => {
        const found = known(model);
        if (!found || !canWrite(found)) return [];
        return [{ name: shortName(found.name), vision: can(found, 'vision'), tools: can(found, 'tools') }];
      }),
  };
}

function keyOf({ name, digest }: InstalledModel): string {
  return `${name}@${digest}`;
}

function canWrite({ capabilities }: KnownModel): boolean {
  return capabilities.length === 0 || capabilities.includes('completion');
}

function can({ capabilities }: KnownModel, what: string): boolean | undefined {
  return capabilities.length === 0 ? undefined : capabilities.includes(what);
}

function shortName(name: string): string {
  return name.replace(/:latest$/, '');
}
