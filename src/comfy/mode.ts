import { linkOf, type Graph } from './graph.ts';

/** The `input` of a target that stands for all of a switch: the value names the one that stays linked. */
export const EVERY_INPUT = '*';

/**
 * Leaves a switch one of its inputs and takes away the nodes that only the others needed: a switch that takes the first
 * value it gets runs all of its branches otherwise, with the models of all.
 */
export function chooseMode(graph: Graph, id: string, kept: string): Graph {
  const node = graph[id];
  if (!node) return graph;
  const wasUsed = usedIn(graph);
  let result: Graph = { ...graph, [id]: { ...node, inputs: { [kept]: node.inputs[kept] } } };
  for (;;) {
    const used = usedIn(result);
    const left = Object.entries(result).filter(([one]) => used.has(one) || !wasUsed.has(one));
    if (left.length === Object.keys(result).length) return result;
    result = Object.fromEntries(left);
  }
}

/** Ids of the nodes that another one is linked to. */
function usedIn(graph: Graph): Set<string> {
  const inputs = Object.values(graph).flatMap((node) => Object.values(node.inputs));
  return new Set(inputs.flatMap((value) => linkOf(value)?.[0] ?? []));
}
