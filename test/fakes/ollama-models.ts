import { createHash } from 'node:crypto';

export interface FakeModel {
  name: string;
  /** Of the vectors; 0 for a chat model. */
  dimension: number;
  /** What the model was trained for. */
  contextTokens: number;
  /** The `num_ctx` parameter written into the model, if any. */
  numCtx?: number;
  capabilities: string[];
  /** Stands for the weights: another number is another digest and another space of vectors. */
  weights: number;
}

export function embedModel(model: Partial<FakeModel> = {}): FakeModel {
  return {
    name: 'nomic-embed-text:latest',
    dimension: 256,
    contextTokens: 2048,
    capabilities: ['embedding'],
    weights: 0,
    ...model,
  };
}

export function chatModel(model: Partial<FakeModel> = {}): FakeModel {
  return {
    name: 'qwen3:4b',
    dimension: 0,
    contextTokens: 40_960,
    capabilities: ['completion', 'thinking'],
    weights: 0,
    ...model,
  };
}

export function digestOf(model: FakeModel): string {
  return createHash('sha256').update(`${model.name} ${model.weights}`).digest('hex');
}

export function findModel(models: readonly FakeModel[], name: string): FakeModel | undefined {
  return models.find((model) => withTag(model.name) === withTag(name));
}

export function withTag(name: string): string {
  return name.includes(':') ? name : `${name}:latest`;
}

/** An entry of `/api/tags`. */
export function tagOf(model: FakeModel) {
  return {
    name: withTag(model.name),
    model: withTag(model.name),
    modified_at: '2026-01-01T00:00:00Z',
    size: 274_302_450,
    digest: digestOf(model),
    details: detailsOf(model),
  };
}

/** The answer of `/api/show`. */
export function showOf(model: FakeModel) {
  const { family } = detailsOf(model);
  return {
    ...(model.numCtx === undefined ? {} : { parameters: `num_ctx                        ${model.numCtx}` }),
    details: detailsOf(model),
    model_info: {
      'general.architecture': family,
      [`${family}.context_length`]: model.contextTokens,
      ...(model.dimension > 0 ? { [`${family}.embedding_length`]: model.dimension } : {}),
    },
    capabilities: model.capabilities,
    modified_at: '2026-01-01T00:00:00Z',
  };
}

function detailsOf(model: FakeModel) {
  const family = model.dimension > 0 ? 'nomic-bert' : 'qwen3';
  return {
    parent_model: '',
    format: 'gguf',
    family,
    families: [family],
    parameter_size: '137M',
    quantization_level: 'F16',
  };
}
