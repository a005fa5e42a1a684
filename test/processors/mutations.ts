import { readdirSync, readFileSync } from 'node:fs';
import { constantFrom, integer, nat, record, sample, uint8Array, type Arbitrary } from 'fast-check';

const FIXTURES = new URL('../fixtures/', import.meta.url);

/** Where and how a sample is changed; positions are shares of its length in thousandths. */
interface Change {
  how: 'cut' | 'flip' | 'zero' | 'repeat' | 'insert' | 'swap' | 'other';
  at: number;
  length: number;
  bytes: Uint8Array;
}

const change: Arbitrary<Change> = record({
  how: constantFrom('cut', 'flip', 'zero', 'repeat', 'insert', 'swap', 'other'),
  at: integer({ min: 0, max: 999 }),
  length: integer({ min: 1, max: 400 }),
  bytes: uint8Array({ minLength: 1, maxLength: 200 }),
});

export interface Mutation {
  name: string;
  data: Uint8Array;
}

/** Every ending that has a sample. */
export function sampleEndings(): string[] {
  return readdirSync(FIXTURES)
    .filter((name) => name.startsWith('sample.'))
    .map((name) => name.slice('sample.'.length));
}

/** `perEnding` changed copies of every sample and as many files of random bytes, the same for the same seed. */
export function mutations(seed: number, perEnding: number): Mutation[] {
  const endings = sampleEndings();
  const originals = endings.map((ending) => readFileSync(new URL(`sample.${ending}`, FIXTURES)));
  const changes = sample(record({ first: change, second: change, other: nat(endings.length - 1) }), {
    seed,
    numRuns: endings.length * perEnding,
  });
  const noise = sample(uint8Array({ maxLength: 3000, size: 'max' }), {
    seed,
    numRuns: endings.length * perEnding,
  });
  const made = changes.map(({ first, second, other }, index): Mutation => {
    const ending = endings[index % endings.length] ?? '';
    const original = originals[index % endings.length] ?? Buffer.alloc(0);
    const foreign = originals[other] ?? Buffer.alloc(0);
    return {
      name: `changed-${index}.${ending}`,
      data: apply(apply(original, first, foreign), second, foreign),
    };
  });
  const random = noise.map((data, index): Mutation => {
    return { name: `random-${index}.${endings[index % endings.length]}`, data };
  });
  return [...made, ...random];
}

function apply(data: Buffer, { how, at, length, bytes }: Change, other: Buffer): Buffer {
  const start = Math.floor((data.length * at) / 1000);
  const end = Math.min(data.length, start + length);
  const [before, middle, after] = [data.subarray(0, start), data.subarray(start, end), data.subarray(end)];
  switch (how) {
    case 'cut':
      return before;
    case 'flip':
      return Buffer.concat([before, middle.map((byte) => byte ^ 0x5a), after]);
    case 'zero':
      return Buffer.concat([before, Buffer.alloc(middle.length), after]);
    case 'repeat':
      return Buffer.concat([before, ...Array.from({ length: 20 }, () => middle), after]);
    case 'insert':
      return Buffer.concat([before, bytes, after]);
    case 'swap':
      return Buffer.concat([before, after, middle]);
    case 'other':
    default:
      return Buffer.concat([before, other.subarray(start)]);
  }
}
