import { LimnerError } from '../errors.ts';

/** `--name VALUE` or `--name=VALUE`, and what is left, in which everything else is text. */
export function takeOption(
  name: string,
  given: readonly string[],
): { value: string | undefined; args: string[] } {
  const flag = `--${name}`;
  const at = given.findIndex((one) => one === flag || one.startsWith(`${flag}=`));
  const found = given[at];
  if (found === undefined) return { value: undefined, args: [...given] };
  const isApart = found === flag;
  const value = isApart ? given[at + 1] : found.slice(flag.length + 1);
  if (value === undefined) throw new LimnerError('invalid_request', `${flag}: a value is missing.`);
  return { value, args: given.toSpliced(at, isApart ? 2 : 1) };
}

/** The words of a question, and where to look. */
export function questionIn(given: readonly string[]): {
  words: string;
  where: { collection?: string; filter?: unknown };
} {
  const { value: collection, args: rest } = takeOption('collection', given);
  const { value: filter, args } = takeOption('filter', rest);
  return {
    words: args.join(' '),
    where: {
      ...(collection !== undefined && { collection }),
      ...(filter !== undefined && { filter: fromJson(filter) }),
    },
  };
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const message = `--filter: ${text} is no JSON; write {"author": "Ada"}.`;
    throw new LimnerError('invalid_request', message, { cause });
  }
}
