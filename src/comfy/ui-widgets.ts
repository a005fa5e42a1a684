import { z } from 'zod';
import type { UiNode } from './ui-graph.ts';
import type { NodeClass } from './wire.ts';

/** Types whose inputs are drawn as widgets and keep a place in `widgets_values`. */
const WIDGETS: ReadonlySet<string> = new Set(
  (
    'INT FLOAT STRING BOOLEAN COMBO MARKDOWN COLOR IMAGECOMPARE BOUNDING_BOX BOUNDING_BOXES COLORS CHART GALLERIA ' +
    'PAINTER COMPOSITOR TEXTAREA CURVE RANGE VIDEO_EDIT RESOLUTION_PREVIEW COMFY_DYNAMICCOMBO_V3'
  ).split(' '),
);
const CONTROLS: ReadonlySet<unknown> = new Set([
  'fixed',
  'increment',
  'decrement',
  'randomize',
  'increment-wrap',
]);

const Options = z.looseObject({
  default: z.unknown().optional(),
  forceInput: z.boolean().optional(),
  widgetType: z.string().optional(),
  control_after_generate: z.unknown().optional(),
  options: z.array(z.unknown()).optional(),
});
const Branch = z.looseObject({
  key: z.string(),
  inputs: z
    .looseObject({
      required: z.record(z.string(), z.unknown()).optional(),
      optional: z.record(z.string(), z.unknown()).optional(),
    })
    .catch({}),
});

interface Widget {
  name: string;
  type: string;
  choices: unknown[] | undefined;
  options: z.infer<typeof Options>;
}

type Specs = Record<string, unknown> | undefined;

function widgetOf(name: string, spec: unknown): Widget | undefined {
  if (!Array.isArray(spec)) return undefined;
  const [kind, given]: unknown[] = spec;
  const options = Options.catch({}).parse(given ?? {});
  const type = Array.isArray(kind) ? 'COMBO' : (options.widgetType ?? String(kind));
  if (options.forceInput || !WIDGETS.has(type)) return undefined;
  return { name, type, options, choices: Array.isArray(kind) ? kind : options.options };
}

function widgetsOf(required: Specs, optional: Specs, order?: NodeClass['input_order']): Widget[] {
  const list = (specs: Specs, names: string[] | undefined): Widget[] =>
    (names ?? Object.keys(specs ?? {})).flatMap((name) => widgetOf(name, specs?.[name]) ?? []);
  return [...list(required, order?.required), ...list(optional, order?.optional)];
}

/**
 * The values of a node's widgets by their names, from the list that the editor saves by place. Words that the editor
 * alone knows (what happens to a seed after a run) are passed over; what was saved before an input existed gets the
 * input's default.
 */
export function readWidgets(node: UiNode, definition: NodeClass): Record<string, unknown> {
  const widgets = widgetsOf(definition.input.required, definition.input.optional, definition.input_order);
  const named = node.widgets_values_named;
  if (named && widgets.every(({ name }) => name in named)) return pick(widgets, named);
  const values = node.widgets_values ?? [];
  if (!Array.isArray(values)) return { ...defaults(widgets), ...pick(widgets, values) };
  const queue = [...values];
  const found: Record<string, unknown> = {};
  take(widgets, queue, found, '');
  return found;
}

function take(widgets: Widget[], queue: unknown[], found: Record<string, unknown>, prefix: string): void {
  for (const widget of widgets) {
    const name = prefix + widget.name;
    const value = queue.length > 0 ? queue.shift() : defaultOf(widget);
    if (value !== undefined) found[name] = value;
    if (widget.type === 'COMFY_DYNAMICCOMBO_V3') {
      const branch = (widget.options.options ?? [])
        .map((one) => Branch.safeParse(one).data)
        .find((one) => one?.key === value);
      if (branch) take(widgetsOf(branch.inputs.required, branch.inputs.optional), queue, found, `${name}.`);
    }
    passControl(widget, queue);
  }
}

function passControl({ name, type, options }: Widget, queue: unknown[]): void {
  const flag = options.control_after_generate;
  const isSeed = type === 'INT' && flag === undefined && (name === 'seed' || name === 'noise_seed');
  if ((!flag && !isSeed) || !CONTROLS.has(queue[0])) return;
  queue.shift();
  if (type === 'COMBO' && typeof queue[0] === 'string') queue.shift();
}

/** Optional inputs too: the editor draws a widget for each, and sends what stands in it. */
function defaultOf({ options, choices }: Widget): unknown {
  return options.default ?? choices?.[0];
}

function defaults(widgets: Widget[]): Record<string, unknown> {
  return Object.fromEntries(
    widgets.map((one) => [one.name, defaultOf(one)] as const).filter(([, value]) => value !== undefined),
  );
}

function pick(widgets: Widget[], values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(values).filter(([name]) =>
      widgets.some((one) => one.name === name || name.startsWith(`${one.name}.`)),
    ),
  );
}
