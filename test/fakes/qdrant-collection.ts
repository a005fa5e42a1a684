import { z } from 'zod';
import { Refusal } from './qdrant-refusal.ts';
import {
  Filter,
  fits,
  PointId,
  searchDense,
  searchSparse,
  Sparse,
  Vectors,
  type Hit,
  type Point,
} from './qdrant-points.ts';

const Params = z.object({ size: z.int(), distance: z.string() });
const Create = z.looseObject({
  vectors: z.record(z.string(), Params).optional(),
  sparse_vectors: z.record(z.string(), z.looseObject({ modifier: z.string() })).default({}),
  metadata: z.record(z.string(), z.unknown()).optional(),
});
const Selected = z.object({ filter: Filter.optional(), points: z.array(PointId).optional() });
const Operation = z.union([
  z.object({ delete: Selected }),
  z.object({ delete_vectors: Selected.extend({ vector: z.array(z.string()) }) }),
  z.object({ delete_payload: Selected.extend({ keys: z.array(z.string()) }) }),
  z.object({ set_payload: Selected.extend({ payload: z.record(z.string(), z.unknown()) }) }),
]);
const WithPayload = z.union([z.boolean(), z.array(z.string())]).default(true);
const WithVector = z.union([z.boolean(), z.array(z.string())]).default(false);
const Scroll = z.looseObject({
  filter: Filter.default({}),
  limit: z.int().default(10),
  offset: PointId.optional(),
  order_by: z.object({ key: z.string() }).optional(),
  with_payload: WithPayload,
  with_vector: WithVector,
});
const Query = z.looseObject({
  query: z.union([z.array(z.number()), Sparse]),
  using: z.string(),
  filter: Filter.default({}),
  limit: z.int().default(10),
});
const Upsert = z.object({
  points: z.array(z.object({ id: PointId, vector: Vectors, payload: z.record(z.string(), z.unknown()) })),
});

export type FakeCollection = ReturnType<typeof createFakeCollection>;

/** One collection of the fake. What Qdrant refuses, such as a vector of another length, it refuses too. */
export function createFakeCollection(created: unknown) {
  const config = Create.parse(created);
  const dense = new Map(Object.entries(config.vectors ?? {}));
  const indexes = new Map<string, unknown>();
  const points = new Map<PointId, Point>();
  let operations = 0;

  const done = () => ({ operation_id: ++operations, status: 'completed' });

  /** What is wrong with vectors for this collection. */
  function refusal(vectors: Vectors): Refusal | undefined {
    for (const [name, vector] of Object.entries(vectors)) {
      const params = dense.get(name);
      if (!params && !config.sparse_vectors[name])
        return new Refusal(400, `Wrong input: Not existing vector name error: ${name}`);
      if (Array.isArray(vector) && vector.length !== params?.size)
        return new Refusal(
          400,
          `Wrong input: Vector dimension error: expected dim: ${params?.size}, got ${vector.length}`,
        );
    }
    return undefined;
  }

  function upsert(body: unknown): unknown {
    const list = Upsert.parse(body).points;
    const wrong = list.map(({ vector }) => refusal(vector)).find(Boolean);
    if (wrong) return wrong;
    for (const { id, vector, payload } of list) points.set(id, { id, vectors: rounded(vector), payload });
    return done();
  }

  function updateVectors(body: unknown): unknown {
    const list = z.object({ points: z.array(z.object({ id: PointId, vector: Vectors })) }).parse(body).points;
    const gone = list.find(({ id }) => !points.has(id));
    if (gone) return new Refusal(404, `Not found: No point with id ${gone.id} found`);
    const wrong = list.map(({ vector }) => refusal(vector)).find(Boolean);
    if (wrong) return wrong;
    for (const { id, vector } of list) Object.assign(points.get(id)?.vectors ?? {}, rounded(vector));
    return done();
  }

  const selected = ({ filter, points: ids }: z.infer<typeof Selected>): Point[] =>
    [...points.values()].filter((point) => (ids ? ids.includes(point.id) : fits(point, filter ?? {})));

  function run(operation: z.infer<typeof Operation>): void {
    if ('delete' in operation) for (const { id } of selected(operation.delete)) points.delete(id);
    else if ('delete_vectors' in operation)
      for (const point of selected(operation.delete_vectors))
        point.vectors = without(point.vectors, operation.delete_vectors.vector);
    else if ('delete_payload' in operation)
      for (const point of selected(operation.delete_payload))
        point.payload = without(point.payload, operation.delete_payload.keys);
    else
      for (const point of selected(operation.set_payload))
        Object.assign(point.payload, operation.set_payload.payload);
  }

  function scroll(body: unknown): unknown {
    const { filter, limit, offset, order_by: order, ...wanted } = Scroll.parse(body);
    if (order && indexes.get(order.key) === undefined)
      return new Refusal(400, `Bad request: No range index for \`order_by\` key: \`${order.key}\``);
    const found = [...points.values()].filter((point) => fits(point, filter));
    found.sort((one, other) => (one.id < other.id ? -1 : 1));
    if (order) {
      const value = ({ payload }: Point): number => z.number().parse(payload[order.key]);
      const page = found.sort((one, other) => value(one) - value(other)).slice(0, limit);
      return { points: page.map((point) => record(point, wanted)), next_page_offset: null };
    }
    const from = offset === undefined ? 0 : found.findIndex(({ id }) => id >= offset);
    const page = from === -1 ? [] : found.slice(from, from + limit);
    const next = from === -1 ? undefined : found[from + limit];
    return { points: page.map((point) => record(point, wanted)), next_page_offset: next?.id ?? null };
  }

  function query(body: unknown): Hit[] | Refusal {
    const { query: asked, using, filter, limit } = Query.parse(body);
    const wrong = refusal({ [using]: asked });
    if (wrong) return wrong;
    const wanted = (point: Point): boolean => fits(point, filter);
    const all = [...points.values()];
    const hits = Array.isArray(asked)
      ? searchDense(all.filter(wanted), using, asked)
      : searchSparse(all, using, asked, wanted);
    return hits.slice(0, limit);
  }

  function queryBatch(body: unknown): unknown {
    const answers = z
      .object({ searches: z.array(z.unknown()) })
      .parse(body)
      .searches.map(query);
    const wrong = answers.find((one) => one instanceof Refusal);
    if (wrong) return wrong;
    return answers.map((hits) => ({
      points: (hits instanceof Refusal ? [] : hits).map(({ point, score }) => ({
        id: point.id,
        version: 0,
        score,
        payload: point.payload,
      })),
    }));
  }

  const handlers: Record<string, (body: unknown) => unknown> = {
    'PUT /points': upsert,
    'POST /points': (body) =>
      z
        .looseObject({ ids: z.array(PointId), with_payload: WithPayload, with_vector: WithVector })
        .parse(body)
        .ids.flatMap((id) => points.get(id) ?? [])
        .map((point) =>
          record(point, z.looseObject({ with_payload: WithPayload, with_vector: WithVector }).parse(body)),
        ),
    'PUT /points/vectors': updateVectors,
    'POST /points/delete': (body) => (run({ delete: Selected.parse(body) }), done()),
    'POST /points/batch': (body) =>
      z
        .object({ operations: z.array(Operation) })
        .parse(body)
        .operations.map((operation) => (run(operation), done())),
    'POST /points/scroll': scroll,
    'POST /points/count': (body) => ({ count: selected(Selected.parse(body)).length }),
    'POST /points/query/batch': queryBatch,
    'PUT /index': (body) => {
      const { field_name: name, field_schema: schema } = z
        .object({ field_name: z.string(), field_schema: z.unknown() })
        .parse(body);
      indexes.set(name, schema);
      return done();
    },
  };

  function changeVector(method: string, name: string, body: unknown): unknown {
    if (method === 'DELETE') {
      dense.delete(name);
      for (const point of points.values()) point.vectors = without(point.vectors, [name]);
      return done();
    }
    if (dense.has(name)) return new Refusal(409, `Wrong input: Vector ${name} already exists`);
    dense.set(name, z.object({ dense: Params }).parse(body).dense);
    return done();
  }

  return {
    points,
    dense,
    indexes,
    config,
    info: () => ({
      status: 'green',
      optimizer_status: 'ok',
      points_count: points.size,
      segments_count: 1,
      payload_schema: {},
      config: {
        params: { vectors: Object.fromEntries(dense), sparse_vectors: config.sparse_vectors },
        hnsw_config: { m: 16, ef_construct: 100, full_scan_threshold: 10_000 },
        optimizer_config: {
          deleted_threshold: 0.2,
          vacuum_min_vector_number: 1000,
          default_segment_number: 0,
          flush_interval_sec: 5,
        },
        metadata: config.metadata ?? null,
      },
    }),
    handle(method: string, rest: string, body: unknown): unknown {
      const vector = /^\/vectors\/([^/]+)$/.exec(rest)?.[1];
      if (vector !== undefined) return changeVector(method, decodeURIComponent(vector), body);
      const handler = handlers[`${method} ${rest}`];
      if (!handler) throw new Error(`The fake plays no ${method} ${rest}.`);
      return handler(body);
    },
  };
}

function record(
  { id, payload, vectors }: Point,
  wanted: { with_payload: boolean | string[]; with_vector: boolean | string[] },
) {
  const shownVectors = pick(vectors, wanted.with_vector);
  return {
    id,
    ...(wanted.with_payload !== false && { payload: pick(payload, wanted.with_payload) }),
    ...(wanted.with_vector !== false && { vector: shownVectors }),
  };
}

function pick<T>(values: Record<string, T>, names: boolean | string[]): Record<string, T> {
  if (!Array.isArray(names)) return values;
  return Object.fromEntries(Object.entries(values).filter(([name]) => names.includes(name)));
}

function without<T>(values: Record<string, T>, names: readonly string[]): Record<string, T> {
  return Object.fromEntries(Object.entries(values).filter(([name]) => !names.includes(name)));
}

/** Qdrant keeps float32. */
function rounded(vectors: Vectors): Vectors {
  return Object.fromEntries(
    Object.entries(vectors).map(([name, vector]) => [
      name,
      Array.isArray(vector)
        ? vector.map(Math.fround)
        : { indices: vector.indices, values: vector.values.map(Math.fround) },
    ]),
  );
}
