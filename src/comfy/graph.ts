import { z } from 'zod';
import { LimnerError } from '../errors.ts';

/** A node of a workflow in ComfyUI's API format. */
export const GraphNode = z.looseObject({
  class_type: z.string().min(1),
  inputs: z.record(z.string(), z.unknown()).default({}),
  _meta: z.looseObject({ title: z.string().optional() }).optional(),
});
export type GraphNode = z.infer<typeof GraphNode>;

export const Graph = z.record(z.string(), GraphNode);
export type Graph = z.infer<typeof Graph>;

/** `[node id, output slot]` */
export type Link = [node: string, slot: number];

const Linked = z.tuple([z.string(), z.number().int().min(0)]);

export function linkOf(value: unknown): Link | undefined {
  const parsed = Linked.safeParse(value);
  return parsed.success ? parsed.data : undefined;
}

/** Numbers of links that lead out of the graph and nodes that feed themselves, in plain words. */
export function graphProblems(graph: Graph): string[] {
  const problems: string[] = [];
  for (const [id, node] of Object.entries(graph))
    for (const [name, value] of Object.entries(node.inputs)) {
      const link = linkOf(value);
      if (link && !graph[link[0]])
        problems.push(
          `${titleOf(id, node)}: the input ${name} is linked to node ${link[0]}, which is missing`,
        );
    }
  if (problems.length === 0 && hasCycle(graph)) problems.push('the nodes are linked in a circle');
  return problems;
}

export function titleOf(id: string, node: GraphNode): string {
  return `node ${id} (${node._meta?.title ?? node.class_type})`;
}

/** The ids of every node that `targets` need, themselves included. */
export function reachable(graph: Graph, targets: readonly string[]): Set<string> {
  const found = new Set<string>();
  const open = targets.filter((id) => graph[id]);
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (found.has(id)) continue;
    found.add(id);
    for (const value of Object.values(graph[id]?.inputs ?? {})) {
      const link = linkOf(value);
      if (link && graph[link[0]]) open.push(link[0]);
    }
  }
  return found;
}

/** Takes away what needs nothing that is left, until nothing more goes: what stays feeds itself. */
function hasCycle(graph: Graph): boolean {
  const needs = new Map<string, number>();
  const users = new Map<string, string[]>();
  for (const [id, { inputs }] of Object.entries(graph)) {
    const sources = Object.values(inputs).flatMap((value) => linkOf(value)?.[0] ?? []);
    needs.set(id, sources.length);
    for (const source of sources) {
      const known = users.get(source);
      if (known) known.push(id);
      else users.set(source, [id]);
    }
  }
  const free = Object.keys(graph).filter((id) => needs.get(id) === 0);
  for (const id of free)
    for (const user of users.get(id) ?? []) {
      const left = (needs.get(user) ?? 0) - 1;
      needs.set(user, left);
      if (left === 0) free.push(user);
    }
  return free.length < needs.size;
}

/** An id that no node has. */
export function freshId(graph: Graph): string {
  const numbers = Object.keys(graph).map((id) => Number.parseInt(id, 10) || 0);
  return String(Math.max(0, ...numbers) + 1);
}

/**
 * Reads a workflow file in API format, bare or wrapped as `{prompt: ...}`.
 * @throws LimnerError `workflow_invalid` saying what is wrong with `name`.
 */
export function parseGraph(text: string, name: string): Graph {
  const value = jsonOf(text, name);
  const inner = Wrapped.safeParse(value);
  const parsed = Graph.safeParse(inner.success ? inner.data.prompt : value);
  if (!parsed.success || Object.keys(parsed.data).length === 0)
    throw invalid(name, 'it is not in the API format (in ComfyUI: Workflow, Export (API))');
  const [problem] = graphProblems(parsed.data);
  if (problem !== undefined) throw invalid(name, problem);
  return parsed.data;
}

const Wrapped = z.object({ prompt: Graph });

export function jsonOf(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw invalid(name, 'it is not JSON');
  }
}

export function invalid(name: string, problem: string): LimnerError {
  return new LimnerError('workflow_invalid', `The workflow ${name} cannot be used: ${problem}.`);
}
