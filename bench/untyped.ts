import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

/** Packages that a bench installed outside the product's dependencies, so that their types are not here. */

/** Loads a package from the folder that it was installed to. */
export async function loadFrom(folder: string, name: string): Promise<Record<string, unknown>> {
  const require = createRequire(`${folder}/package.json`);
  return import(pathToFileURL(require.resolve(name)).href);
}

export function versionIn(folder: string, name: string): string {
  const require = createRequire(`${folder}/package.json`);
  return String(field(require(`${folder}/node_modules/${name}/package.json`), 'version'));
}

/** Calls a method by its name, which a class may have too, or else the function itself. */
export function call(target: unknown, ...args: unknown[]): unknown {
  const [name, ...rest] = args;
  const method = typeof name === 'string' ? field(target, name) : undefined;
  if (typeof method === 'function') return Reflect.apply(method, target, rest);
  if (typeof target !== 'function') throw new Error(`no ${String(name)}`);
  return Reflect.apply(target, undefined, args);
}

export function build(type: unknown, ...args: unknown[]): unknown {
  if (typeof type !== 'function') throw new Error('no class');
  return Reflect.construct(type, args);
}

export function field(target: unknown, name: string): unknown {
  return target !== null && (typeof target === 'object' || typeof target === 'function')
    ? Reflect.get(target, name)
    : undefined;
}
