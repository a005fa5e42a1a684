import { createHash } from 'node:crypto';
import type { Limits } from './limits.ts';
import type { OwnProcessor } from './own-processors.ts';
import { recording } from './recording.ts';
import { PROCESSORS } from './table.ts';

/** What decides which text a file gives: it changes when that may. */
export interface Versions {
  /** Of the processors that Limner brings, and of the limits; every other version begins with it. */
  base: string;
  /** Of everything; another one means that documents are looked at again. */
  all: string;
  /** Of what can read a file with this extension (lower case, with its dot, or empty): the key of extractions. */
  of(extension: string): string;
}

/** Files inside files can be of any kind, so what holds them depends on every processor of the users. */
export function createVersions(
  limits: Limits,
  own: readonly OwnProcessor[],
  /** What writes recordings down; another one writes other words. */
  transcriber?: string,
): Versions {
  const heard = transcriber === undefined ? '' : `~${digest([transcriber])}`;
  const base = digest([
    JSON.stringify(limits),
    ...PROCESSORS.map(({ name, version }) => `${name}:${version}`).toSorted(),
  ]);
  const withOwn = (some: readonly OwnProcessor[]): string =>
    some.length === 0 ? base : `${base}+${digest(some.map((one) => one.digest).toSorted())}`;

  return {
    base,
    all: withOwn(own) + heard,
    of(extension) {
      const ending = extension.replace(/^\./, '');
      const builtIn = PROCESSORS.find(({ extensions }) => extensions.includes(ending));
      const holdsAny = builtIn === undefined || builtIn.holdsFiles === true;
      const some = own.filter(({ extensions }) => holdsAny || extensions.includes(ending));
      return withOwn(some) + (builtIn === undefined || builtIn === recording ? heard : '');
    },
  };
}

function digest(parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 16);
}
