import { z } from 'zod';

/** A workflow as ComfyUI's editor saves it (LiteGraph), as far as turning it into API format needs. */
const Id = z.union([z.number(), z.string()]);

const UiInput = z.looseObject({
  name: z.string(),
  type: z.string().catch('*'),
  link: z.number().nullish(),
  widget: z.looseObject({ name: z.string() }).nullish(),
});

const Proxies = z.array(z.tuple([z.coerce.string(), z.string()]));

export const UiNode = z.looseObject({
  id: Id,
  type: z.string(),
  mode: z.number().default(0),
  title: z.string().optional(),
  inputs: z.array(UiInput).catch([]),
  outputs: z.array(z.looseObject({ type: z.string().catch('*') })).catch([]),
  widgets_values: z.union([z.array(z.unknown()), z.record(z.string(), z.unknown())]).nullish(),
  widgets_values_named: z.record(z.string(), z.unknown()).nullish(),
  properties: z
    .looseObject({
      proxyWidgets: z
        .union([Proxies, z.string().transform((text) => Proxies.catch([]).parse(JSON.parse(text)))])
        .optional(),
    })
    .catch({}),
});
export type UiNode = z.infer<typeof UiNode>;

const ArrayLink = z
  .tuple([z.number(), Id, z.number(), Id, z.number()])
  .rest(z.unknown())
  .transform(([id, origin_id, origin_slot, target_id, target_slot]) => ({
    id,
    origin_id,
    origin_slot,
    target_id,
    target_slot,
  }));
const ObjectLink = z.looseObject({
  id: z.number(),
  origin_id: Id,
  origin_slot: z.number(),
  target_id: Id,
  target_slot: z.number(),
});
export type UiLink = z.infer<typeof ArrayLink>;

export const Subgraph = z.looseObject({
  id: z.string(),
  nodes: z.array(UiNode),
  links: z.array(ObjectLink).catch([]),
  inputs: z.array(z.looseObject({ name: z.string(), linkIds: z.array(z.number()).catch([]) })).catch([]),
});
export type Subgraph = z.infer<typeof Subgraph>;

export const UiGraph = z.looseObject({
  nodes: z.array(UiNode),
  links: z.array(z.union([ArrayLink, ObjectLink])),
  definitions: z.looseObject({ subgraphs: z.array(Subgraph).default([]) }).optional(),
});
export type UiGraph = z.infer<typeof UiGraph>;
