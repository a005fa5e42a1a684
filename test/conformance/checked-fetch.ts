import { z } from 'zod';
import { hasSpecification, readSpecification, streamEventSchemas } from '../api/openai-schema.ts';

/** Schemas of OpenAI's specification by route: of a whole answer, and of each event of a stream. */
const ROUTES: readonly [route: RegExp, whole: string, event?: string][] = [
  [/^POST \/v1\/chat\/completions$/, 'CreateChatCompletionResponse', 'CreateChatCompletionStreamResponse'],
  [/^POST \/v1\/responses$/, 'Response', 'ResponseStreamEvent'],
  [/^GET \/v1\/responses\/[^/]+$/, 'Response'],
  [/^GET \/v1\/responses\/[^/]+\/input_items$/, 'ResponseItemList'],
  [/^POST \/v1\/audio\/transcriptions$/, 'CreateTranscriptionResponseJson'],
  [/^POST \/v1\/embeddings$/, 'CreateEmbeddingResponse'],
  [/^GET \/v1\/models$/, 'ListModelsResponse'],
  [/^GET \/v1\/models\/.+$/, 'Model'],
  [/^POST \/v1\/files$/, 'OpenAIFile'],
  [/^GET \/v1\/files$/, 'ListFilesResponse'],
  [/^GET \/v1\/files\/[^/]+$/, 'OpenAIFile'],
  [/^DELETE \/v1\/files\/[^/]+$/, 'DeleteFileResponse'],
  [/^GET \/v1\/vector_stores$/, 'ListVectorStoresResponse'],
  [/^DELETE \/v1\/vector_stores\/[^/]+$/, 'DeleteVectorStoreResponse'],
  [/^(GET|POST) \/v1\/vector_stores(\/[^/]+)?$/, 'VectorStoreObject'],
  [/^POST \/v1\/vector_stores\/[^/]+\/search$/, 'VectorStoreSearchResultsPage'],
  [/^GET \/v1\/vector_stores\/[^/]+\/files$/, 'ListVectorStoreFilesResponse'],
  [/^GET \/v1\/vector_stores\/[^/]+\/files\/[^/]+\/content$/, 'VectorStoreFileContentResponse'],
  [/^DELETE \/v1\/vector_stores\/[^/]+\/files\/[^/]+$/, 'DeleteVectorStoreFileResponse'],
  [/^(GET|POST) \/v1\/vector_stores\/[^/]+\/files(\/[^/]+)?$/, 'VectorStoreFileObject'],
  [/^GET \/v1\/vector_stores\/[^/]+\/file_batches\/[^/]+\/files$/, 'ListVectorStoreFilesResponse'],
  [/^(GET|POST) \/v1\/vector_stores\/[^/]+\/file_batches(\/.+)?$/, 'VectorStoreFileBatchObject'],
];
/** OpenAI writes no schema for these. */
const WITHOUT_SCHEMA = /^(DELETE \/v1\/responses\/|GET \/v1\/files\/[^/]+\/content)/;

export interface CheckedFetch {
  fetch: typeof fetch;
  /** What did not fit; every answer and event that any client got was looked at. */
  problems: string[];
  /** How many answers and events were looked at. */
  checked: () => number;
}

/** A `fetch` for clients that holds what the service answers to OpenAI's specification, where that is at hand. */
export function createCheckedFetch(): CheckedFetch {
  const complaints = hasSpecification ? readSpecification() : () => [];
  const events = hasSpecification ? streamEventSchemas() : new Map<string, string>();
  const problems: string[] = [];
  let checked = 0;

  function check(route: string, schema: string, value: unknown): void {
    checked += 1;
    // The specification forgets that vectors come as base64 where a client asks for it, as OpenAI's own does.
    if (Base64.safeParse(value).success) return;
    const wrong = complaints(schema, value);
    if (wrong.length > 0) problems.push(`${route}: ${schema}: ${wrong.slice(0, 5).join('; ')}`);
  }

  function checkEvent(route: string, schema: string, data: string): void {
    if (data === '[DONE]') return;
    const event = Event.parse(JSON.parse(data));
    if (event.error !== undefined) return check(route, 'ErrorResponse', event);
    if (schema !== 'ResponseStreamEvent') return check(route, schema, event);
    const own = events.get(event.type ?? '');
    if (hasSpecification && own === undefined) problems.push(`${route}: no event is called ${event.type}`);
    else check(route, own ?? schema, event);
  }

  async function look(route: string, response: Response): Promise<void> {
    const type = response.headers.get('content-type') ?? '';
    if (!response.ok) return check(route, 'ErrorResponse', await response.json());
    if (WITHOUT_SCHEMA.test(route) || type.startsWith('text/plain')) return;
    const [, whole, event] = ROUTES.find(([known]) => known.test(route)) ?? [];
    if (whole === undefined) return void problems.push(`${route}: no schema`);
    if (!type.includes('text/event-stream')) return check(route, whole, await response.json());
    for (const line of (await response.text()).split('\n'))
      if (line.startsWith('data: ')) checkEvent(route, event ?? whole, line.slice(6));
  }

  const checkedFetch: typeof fetch = async (input, init) => {
    const request = new Request(input, init);
    // Clients try `data:` addresses to learn what a fetch can do.
    if (!request.url.startsWith('http')) return fetch(input, init);
    const response = await fetch(input, init);
    const route = `${request.method} ${new URL(request.url).pathname}`;
    const copy = response.clone();
    // A client that leaves a stream early leaves nothing to look at.
    void look(route, copy).catch((error: unknown) => {
      if (!isAbort(error)) problems.push(`${route}: ${String(error)}`);
    });
    return response;
  };
  return { fetch: checkedFetch, problems, checked: () => checked };
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}

const Base64 = z.looseObject({ data: z.array(z.looseObject({ embedding: z.string() })).min(1) });
const Event = z.looseObject({ type: z.string().optional(), error: z.unknown().optional() });
