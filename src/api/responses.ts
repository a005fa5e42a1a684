import { randomBytes } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AskEvent } from '../ask/ask.ts';
import type { Memory } from '../ask/remembered.ts';
import { LimnerError } from '../errors.ts';
import type { Filter } from '../ingest/filter.ts';
import type { StoreFiles } from '../ingest/store-files.ts';
import type { VectorStores } from '../ingest/vector-stores.ts';
import type { Log } from '../log.ts';
import { MAX_CHAT_BYTES } from './chat.ts';
import type { AnswerConversation, Asked } from './conversations.ts';
import { asShown, parse } from './failure.ts';
import {
  fileSearchOf,
  inputItems,
  ResponseRequest,
  toConversation,
  toResponseOptions,
  type Item,
} from './responses-request.ts';
import { createResponse } from './responses-shapes.ts';
import { firstInTime, sendEvents, sseEvent } from './sse.ts';
import { remembered, storedResponseRoutes } from './stored-responses.ts';

export interface ResponseRoutes {
  answer: AnswerConversation;
  memory: Memory;
  files: Pick<StoreFiles, 'find'>;
  stores: Pick<VectorStores, 'get'>;
  log: Log;
}

/** What is needed to go on from the response. */
interface Turn {
  before: Item[];
  input: Item[];
}

/** Passages given to the model, at most. */
const MOST_PASSAGES = 30;

export function responseRoutes(
  server: FastifyInstance,
  { answer, memory, stores, files, log }: ResponseRoutes,
): void {
  const attributesOf = (document: string) => files.find(document)?.metadata ?? {};

  server.post('/v1/responses', { bodyLimit: MAX_CHAT_BYTES }, async (request, reply) => {
    const body = parse(ResponseRequest, request.body);
    const turn = turnOf(body);
    const asked = toAsked(body, turn);
    const events = await answer(asked, request, reply);
    const question = asked.messages.findLast(({ role }) => role === 'user')?.content ?? '';
    const id = `resp_${randomBytes(24).toString('hex')}`;
    const createdAt = Math.floor(Date.now() / 1000);
    const response = createResponse({ id, createdAt, body, question, attributesOf });
    if (body.stream !== true) return whole(response, events, turn);
    return stream(response, await firstInTime(events), turn, request, reply);
  });

  storedResponseRoutes(server, { memory });

  type Response = ReturnType<typeof createResponse>;

  async function whole(response: Response, events: AsyncIterable<AskEvent>, turn: Turn) {
    // The steps are the same as in a stream; only what they end in is answered.
    for await (const event of events) Array.from(response.of(event));
    return keep(response, turn);
  }

  function stream(
    response: Response,
    events: AsyncIterable<AskEvent>,
    turn: Turn,
    request: FastifyRequest,
    reply: FastifyReply,
  ): FastifyReply {
    async function* steps(): AsyncGenerator<object> {
      yield* response.begin();
      try {
        for await (const event of events) {
          const made = [...response.of(event)];
          if (event.type === 'answer') await keep(response, turn);
          yield* made;
        }
      } catch (error) {
        yield* response.fail(asShown(error, log, request.id));
      }
    }
    return sendEvents(reply, asEvents(steps()));
  }

  /** Remembers the response, unless the client asked not to, before it is told that there is one. */
  async function keep(made: Response, { before, input }: Turn): Promise<Record<string, unknown>> {
    const response = made.final();
    if (!response) throw new Error('The answer ended before it was whole.');
    // The passages are the documents' own words, and go when their document goes.
    const { sources: _sources, ...kept } = response;
    if (response['store'] !== false)
      await memory.keep(String(response['id']), {
        response: kept,
        items: [...before, ...input, ...made.output()],
        inputFrom: before.length,
        inputTo: before.length + input.length,
      });
    return response;
  }

  function turnOf(body: ResponseRequest): Turn {
    const { previous_response_id: previous } = body;
    const before = previous == null ? [] : remembered(memory, previous, 'previous_response_id').items;
    return { before, input: inputItems(body).map(dereferenced) };
  }

  /** AI SDK and others name what was said before by its id instead of saying it again. */
  function dereferenced(item: Item): Item {
    if (item.type !== 'item_reference') return item;
    const known = memory.item(item.id ?? '');
    if (known) return known;
    throw new LimnerError('not_found', `There is no item ${item.id}.`, { param: 'input' });
  }

  function toAsked(body: ResponseRequest, { before, input }: Turn): Asked {
    const search = fileSearchOf(body);
    return {
      model: body.model,
      messages: toConversation([...before, ...input], body.instructions),
      options: toResponseOptions(body),
      limner: { ...(search && searchOptions(search)), ...body.limner },
      isStreamed: body.stream === true,
    };
  }

  /** The stores and filters of the tool as options of ours. */
  function searchOptions(search: NonNullable<ReturnType<typeof fileSearchOf>>): NonNullable<Asked['limner']> {
    const names = search.vector_store_ids.map((id) => stores.get(id).collection);
    const filters: Filter[] = [
      ...(names.length > 1 ? [{ type: 'in' as const, key: 'collection', value: names }] : []),
      ...(search.filters ? [search.filters] : []),
    ];
    return {
      documents: true,
      ...(names.length === 1 && { collection: names[0] }),
      ...(filters.length > 0 && { filter: { type: 'and', filters } }),
      ...(search.max_num_results !== undefined && { limit: Math.min(search.max_num_results, MOST_PASSAGES) }),
    };
  }
}

async function* asEvents(steps: AsyncIterable<object>): AsyncGenerator<string> {
  for await (const step of steps) yield sseEvent(step, 'type' in step ? String(step.type) : undefined);
}
