import { createHash } from 'node:crypto';
import { isMap, LineCounter, parseDocument, type Document } from 'yaml';
import { z } from 'zod';
import { DEFAULT_LIMITS, type ChunkLimits } from './chunk.ts';
import { Metadata } from './filter.ts';

const Scalar = z.union([z.string().max(200), z.number(), z.boolean()]);

/** What a `.limner.yaml` may say; docs/folders.md explains each. */
const Policy = z.strictObject({
  collection: z
    .string()
    .regex(/^[^/\\\p{Cc}]{1,100}$/u, 'a name of 1 to 100 characters without slashes')
    .optional(),
  language: z
    .string()
    .regex(/^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$/, 'a language tag such as en or pt-BR')
    .optional(),
  chunk: z
    .strictObject({
      target: z.int().min(100).max(8000).optional(),
      max: z.int().min(100).max(16_000).optional(),
    })
    .optional(),
  options: z.record(z.string().min(1).max(64), Scalar).optional(),
  tags: z.array(z.string().min(1).max(100)).max(100).optional(),
  metadata: Metadata.optional(),
  illustrate: z.boolean().optional(),
});

/** One folder's own settings. */
export type Policy = z.infer<typeof Policy>;

/** What holds for a file, after the settings of every folder above it. */
export interface Effective {
  collection?: string;
  limits: ChunkLimits;
  /** Handed to the processor with the file. */
  options: Record<string, string | number | boolean>;
  tags: string[];
  metadata: Metadata;
  illustrate: boolean;
  /** Names everything above, so that another policy makes the document again; empty without any policy. */
  version: string;
}

export const NO_POLICY: Effective = {
  limits: DEFAULT_LIMITS,
  options: {},
  tags: [],
  metadata: {},
  illustrate: false,
  version: '',
};

/** What is wrong with a settings file, and where. */
export interface PolicyProblem {
  line: number | null;
  message: string;
}

/** Reads a `.limner.yaml`; an empty one says nothing. */
export function parsePolicy(text: string): { policy: Policy } | { problem: PolicyProblem } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [broken] = document.errors;
  if (broken) return { problem: { line: lines.linePos(broken.pos[0]).line, message: broken.message } };
  const parsed = Policy.safeParse(plain(document));
  if (parsed.success) return checked(parsed.data);
  const [issue] = parsed.error.issues;
  const path = issue?.path ?? [];
  const name = [...path, ...(issue?.code === 'unrecognized_keys' ? issue.keys : [])].join('.');
  return {
    problem: {
      line: lineOf(document, lines, issue?.code === 'unrecognized_keys' ? [...path, ...issue.keys] : path),
      message: `${name === '' ? '' : `${name}: `}${issue?.message ?? 'not understood'}`,
    },
  };
}

/** Aliases that would make a little text endless are refused by the parser. */
function plain(document: Document.Parsed): unknown {
  try {
    return document.toJS({ maxAliasCount: 10 }) ?? {};
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    return error.message;
  }
}

function checked(policy: Policy): { policy: Policy } | { problem: PolicyProblem } {
  const { target, max } = limitsOf(policy);
  if (target <= max) return { policy };
  return { problem: { line: null, message: `chunk.target (${target}) is over chunk.max (${max})` } };
}

function limitsOf({ chunk }: Policy): { target: number; max: number } {
  const target = chunk?.target ?? Math.min(DEFAULT_LIMITS.targetCharacters, chunk?.max ?? Infinity);
  return { target, max: chunk?.max ?? Math.max(DEFAULT_LIMITS.maxCharacters, Math.ceil(target * 1.5)) };
}

/** The line of the deepest key on `path` that the file has. */
function lineOf(document: Document.Parsed, lines: LineCounter, path: readonly PropertyKey[]): number | null {
  let node: unknown = document.contents;
  let line: number | null = null;
  for (const key of path) {
    if (!isMap(node)) break;
    const pair = node.items.find((item) => String(item.key) === String(key));
    if (!pair) break;
    const { key: at } = pair;
    if (typeof at === 'object' && at !== null && 'range' in at && Array.isArray(at.range))
      line = lines.linePos(Number(at.range[0])).line;
    node = pair.value;
  }
  return line;
}

/** Lays the settings of nested folders over one another, outermost first. */
export function mergePolicies(policies: readonly Policy[]): Effective {
  if (policies.length === 0) return NO_POLICY;
  const merged: Policy = {};
  for (const { tags, metadata, options, ...rest } of policies) {
    Object.assign(merged, rest);
    merged.tags = [...new Set([...(merged.tags ?? []), ...(tags ?? [])])];
    merged.metadata = { ...merged.metadata, ...metadata };
    merged.options = { ...merged.options, ...options };
  }
  const { collection, language, illustrate } = merged;
  const { target, max } = limitsOf(merged);
  const effective = {
    ...(collection !== undefined && { collection }),
    limits: { targetCharacters: target, maxCharacters: max },
    options: { ...merged.options, ...(language !== undefined && { language }) },
    tags: merged.tags ?? [],
    metadata: { ...merged.metadata, ...(language !== undefined && { language }) },
    illustrate: illustrate ?? false,
  };
  return { ...effective, version: versionOf(effective) };
}

function versionOf(effective: Omit<Effective, 'version'>): string {
  return createHash('sha256').update(JSON.stringify(effective)).digest('hex').slice(0, 12);
}
