import { invalid, type Graph } from './graph.ts';
import { Subgraph, UiGraph, type UiLink, type UiNode } from './ui-graph.ts';
import { readWidgets } from './ui-widgets.ts';
import type { ObjectInfo } from './wire.ts';

/** A graph of nodes: the whole workflow, or one use of a subgraph within its parent. */
interface Scope {
  path: string;
  nodes: Map<string, UiNode>;
  links: Map<number, UiLink>;
  use?: { parent: Scope; instance: UiNode; definition: Subgraph };
}

/** `muted`: the input stays empty, where one that is linked to nothing keeps what stands in its widget. */
type Source = { link: [string, number] } | { value: unknown; isPrimitive?: true } | 'muted' | undefined;

const MUTED = 2;
const BYPASSED = 4;
const FROM_OUTSIDE = '-10';
const TO_OUTSIDE = '-20';
const NOTES: ReadonlySet<string> = new Set([
  'Note',
  'MarkdownNote',
  'Reroute',
  'PrimitiveNode',
  'GetNode',
  'SetNode',
]);

/**
 * Turns a workflow of the editor into API format by the definitions of a server.
 * @throws LimnerError `workflow_invalid` with what cannot be turned.
 */
export function convertUiGraph(value: unknown, classes: ObjectInfo, name: string): Graph {
  const parsed = UiGraph.safeParse(value);
  if (!parsed.success) throw invalid(name, 'it is no workflow of the editor');
  const subgraphs = new Map((parsed.data.definitions?.subgraphs ?? []).map((one) => [one.id, one]));
  const root: Scope = {
    path: '',
    nodes: new Map(parsed.data.nodes.map((node) => [String(node.id), node])),
    links: new Map(parsed.data.links.map((link) => [link.id, link])),
  };
  const graph: Graph = {};
  emitScope(root);
  for (const { inputs } of Object.values(graph))
    for (const [input, one] of Object.entries(inputs))
      if (Array.isArray(one) && !graph[String(one[0])]) delete inputs[input];
  return graph;

  function inside(scope: Scope, instance: UiNode, definition: Subgraph): Scope {
    return {
      path: `${scope.path}${instance.id}:`,
      nodes: new Map(definition.nodes.map((node) => [String(node.id), node])),
      links: new Map(definition.links.map((link) => [link.id, link])),
      use: { parent: scope, instance, definition },
    };
  }

  function emitScope(scope: Scope): void {
    if (scope.path.split(':').length > 20) throw invalid(name, 'its subgraphs hold themselves');
    for (const node of scope.nodes.values()) {
      if (node.mode === MUTED || node.mode === BYPASSED || NOTES.has(node.type)) continue;
      const definition = subgraphs.get(node.type);
      if (definition) emitScope(inside(scope, node, definition));
      else emitNode(scope, node);
    }
  }

  function emitNode(scope: Scope, node: UiNode): void {
    if (/^workflow[>/]/.test(node.type))
      throw invalid(name, 'it has group nodes; turn them into subgraphs, or export it in API format');
    const definition = classes[node.type];
    if (!definition) throw invalid(name, `the server does not know the node ${node.type}`);
    const inputs: Record<string, unknown> = {};
    for (const [input, one] of Object.entries({ ...readWidgets(node, definition), ...promoted(scope, node) }))
      inputs[input] = Array.isArray(one) ? { __value__: one } : one;
    for (const [slot, input] of node.inputs.entries()) {
      const link = linkInto(scope, node, slot);
      if (link === undefined) continue;
      const source = follow(scope, link, input.type, 0);
      if (source === 'muted') delete inputs[input.name];
      else if (source) inputs[input.name] = 'link' in source ? source.link : source.value;
    }
    graph[scope.path + node.id] = {
      class_type: node.type,
      inputs,
      _meta: { title: node.title ?? node.type },
    };
  }

  /** Where a link comes from in the end, past everything that only the editor knows. */
  function follow(scope: Scope, linkId: number, type: string, depth: number): Source {
    const link = scope.links.get(linkId);
    if (!link || depth > 200) return undefined;
    const on = (next: number | null | undefined, at: Scope = scope): Source =>
      next === null || next === undefined ? undefined : follow(at, next, type, depth + 1);
    if (String(link.origin_id) === FROM_OUTSIDE) return fromOutside(scope, link.origin_slot, type, depth);
    const source = scope.nodes.get(String(link.origin_id));
    if (!source) return undefined;
    if (source.mode === BYPASSED) return pastBypassed(on(bypass(source, link.origin_slot, type)));
    if (source.type === 'Reroute') return on(source.inputs[0]?.link);
    if (source.type === 'PrimitiveNode') return { value: firstValue(source), isPrimitive: true };
    if (source.type === 'GetNode') return on(setterOf(scope, source)?.inputs[0]?.link);
    if (source.mode === MUTED) return 'muted';
    const definition = subgraphs.get(source.type);
    if (!definition) return { link: [scope.path + source.id, link.origin_slot] };
    const inner = inside(scope, source, definition);
    const out = definition.links.find(
      ({ target_id, target_slot }) => String(target_id) === TO_OUTSIDE && target_slot === link.origin_slot,
    );
    return on(out?.id, inner);
  }

  /** An input of a subgraph: what is linked to its use outside, or the value that stands there. */
  function fromOutside({ use }: Scope, slot: number, type: string, depth: number): Source {
    const wanted = use?.definition.inputs[slot]?.name;
    if (!use || wanted === undefined) return undefined;
    const outer = use.instance.inputs.find((one) => one.name === wanted);
    if (outer?.link !== null && outer?.link !== undefined)
      return follow(use.parent, outer.link, type, depth + 1);
    const value = instanceValues(use.instance).get(`-1/${wanted}`);
    return value === undefined || value === null ? undefined : { value };
  }
}

/** A bypassed node hands on what it is linked to, unless that is a primitive of the editor. */
function pastBypassed(source: Source): Source {
  return typeof source === 'object' && 'isPrimitive' in source ? undefined : source;
}

/** Official files hold stale link ids: what the subgraph's own input says is believed. */
function linkInto({ use, links }: Scope, node: UiNode, slot: number): number | undefined {
  const said = node.inputs[slot]?.link ?? undefined;
  const ids = use?.definition.inputs.flatMap(({ linkIds }) => linkIds) ?? [];
  const truth = ids.find((id) => {
    const link = links.get(id);
    return link && String(link.target_id) === String(node.id) && link.target_slot === slot;
  });
  return truth ?? said;
}

/** Values of a node that its subgraph's use shows as its own. */
function promoted({ use }: Scope, node: UiNode): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const [key, value] of use ? instanceValues(use.instance) : []) {
    const [id, widget] = splitKey(key);
    if (id === String(node.id) && value !== null && value !== undefined) found[widget] = value;
  }
  return found;
}

function splitKey(key: string): [id: string, widget: string] {
  const at = key.indexOf('/');
  return [key.slice(0, at), key.slice(at + 1)];
}

/** The values of a subgraph's use by `inner id/widget`; `-1/name` is an input of the use itself. */
function instanceValues({ properties, widgets_values, inputs }: UiNode): Map<string, unknown> {
  const values = Array.isArray(widgets_values) ? widgets_values : [];
  const order =
    properties.proxyWidgets ??
    inputs.filter(({ widget }) => widget).map(({ name }) => ['-1', name] as [string, string]);
  return new Map(order.map(([id, widget], at) => [`${id}/${widget}`, values[at]]));
}

function firstValue({ widgets_values }: UiNode): unknown {
  return Array.isArray(widgets_values) ? widgets_values[0] : undefined;
}

function setterOf({ nodes }: Scope, getter: UiNode): UiNode | undefined {
  const wanted = firstValue(getter);
  return [...nodes.values()].find((node) => node.type === 'SetNode' && firstValue(node) === wanted);
}

/** The input that a bypassed node hands on from one of its outputs. */
function bypass(node: UiNode, slot: number, wanted: string): number | null | undefined {
  const given = node.outputs[slot]?.type ?? '*';
  if (wanted === '*' || wanted === '') return (node.inputs[slot] ?? node.inputs[0])?.link;
  const same = node.inputs[slot];
  if (same && agrees(same.type, given) && agrees(same.type, wanted)) return same.link;
  const exact = node.inputs.find(({ type }) => type === wanted);
  return (exact ?? node.inputs.find(({ type }) => agrees(type, wanted)))?.link;
}

function agrees(one: string, other: string): boolean {
  if (one === '*' || other === '*') return true;
  const types = new Set(one.toUpperCase().split(','));
  return other
    .toUpperCase()
    .split(',')
    .some((type) => types.has(type));
}
