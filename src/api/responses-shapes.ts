import type { Annotation, Answer, AskEvent, ToolCallPart } from '../ask/ask.ts';
import { readingText, type Citation } from '../document.ts';
import type { LimnerError } from '../errors.ts';
import { illustrationField, source } from './chat-shapes.ts';
import { fileId, fileName } from './file-ids.ts';
import { createThoughts, newId, type OutputItem } from './responses-thoughts.ts';
import { fileSearchOf, type ResponseRequest } from './responses-request.ts';

export interface ResponseHead {
  id: string;
  /** Seconds since 1970. */
  createdAt: number;
  body: ResponseRequest;
  /** What was looked for in the documents. */
  question: string;
  /** What is said of a document, by its id. */
  attributesOf: (documentId: string) => Record<string, unknown>;
}

/**
 * Makes the events of one response, in OpenAI's order, and the response itself: whole answers go the same way, so
 * that both are the same.
 */
export function createResponse(head: ResponseHead) {
  let sequence = 0;
  const output: OutputItem[] = [];
  const calls: (OutputItem & { arguments: string; at: number; name: string })[] = [];
  let text: { item: OutputItem; at: number; said: string } | undefined;
  let sources: readonly Citation[] = [];
  let searchedFor = head.question;
  let final: Record<string, unknown> | undefined;
  const asksFiles = fileSearchOf(head.body) !== undefined;
  const event = (type: string, fields: object): object => ({ type, sequence_number: sequence++, ...fields });
  const thoughts = createThoughts(event, output);
  const body = (more: object): Record<string, unknown> => ({ ...responseBody(head, output), ...more });

  function* searched(): Generator<object> {
    const item = {
      id: newId('fs'),
      type: 'file_search_call',
      status: 'in_progress',
      queries: [],
      results: null,
    };
    const at = output.push(item) - 1;
    const place = { output_index: at, item_id: item.id };
    yield event('response.output_item.added', { output_index: at, item });
    for (const state of ['in_progress', 'searching', 'completed'])
      yield event(`response.file_search_call.${state}`, place);
    const results = head.body.include?.includes('file_search_call.results')
      ? sources.map((one) => result(one, head.attributesOf))
      : null;
    const done = { ...item, status: 'completed', queries: [searchedFor], results };
    output[at] = done;
    yield event('response.output_item.done', { output_index: at, item: done });
  }

  function* openText(): Generator<object> {
    const item = { id: newId('msg'), type: 'message', status: 'in_progress', role: 'assistant', content: [] };
    const at = output.push(item) - 1;
    text = { item, at, said: '' };
    yield event('response.output_item.added', { output_index: at, item });
    yield event('response.content_part.added', { ...placeOf(text), part: textPart('', []) });
  }

  function* say(delta: string): Generator<object> {
    if (!text) yield* openText();
    if (!text) return;
    text.said += delta;
    yield event('response.output_text.delta', { ...placeOf(text), delta, logprobs: [] });
  }

  function* closeText(annotations: readonly Annotation[]): Generator<object> {
    if (!text) return;
    const place = placeOf(text);
    const shown = annotations.map((one) => (asksFiles ? fileCitation(one) : urlCitation(one)));
    for (const [at, annotation] of shown.entries())
      yield event('response.output_text.annotation.added', { ...place, annotation_index: at, annotation });
    const part = textPart(text.said, shown);
    yield event('response.output_text.done', { ...place, text: text.said, logprobs: [] });
    yield event('response.content_part.done', { ...place, part });
    const item = { ...text.item, status: 'completed', content: [part] };
    output[text.at] = item;
    yield event('response.output_item.done', { output_index: text.at, item });
  }

  function* call({ index, id, name = '', arguments: delta }: ToolCallPart): Generator<object> {
    let one = calls[index];
    if (!one) {
      const item = { id: newId('fc'), type: 'function_call', status: 'in_progress', call_id: id ?? '', name };
      const at = output.push({ ...item, arguments: '' }) - 1;
      one = { ...item, arguments: '', at };
      calls[index] = one;
      yield event('response.output_item.added', { output_index: at, item: output[at] });
    }
    one.arguments += delta;
    if (delta === '') return;
    yield event('response.function_call_arguments.delta', { item_id: one.id, output_index: one.at, delta });
  }

  function* closeCalls(): Generator<object> {
    for (const { at, ...open } of calls) {
      const item = { ...open, status: 'completed' };
      output[at] = item;
      const place = { item_id: item.id, output_index: at };
      yield event('response.function_call_arguments.done', {
        ...place,
        name: item.name,
        arguments: item.arguments,
      });
      yield event('response.output_item.done', { output_index: at, item });
    }
  }

  function* finish(answer: Answer): Generator<object> {
    if (!text && calls.length === 0) yield* openText();
    yield* closeText(answer.annotations);
    yield* closeCalls();
    final = ended(answer);
    yield event(`response.${String(final['status'])}`, { response: final });
  }

  function ended(answer: Answer): Record<string, unknown> {
    const { usage, sources: given, rewritten } = answer;
    const isCut = usage.finish === 'length';
    return body({
      status: isCut ? 'incomplete' : 'completed',
      completed_at: isCut ? null : Math.floor(Date.now() / 1000),
      incomplete_details: isCut ? { reason: 'max_output_tokens' } : null,
      usage: usageBody(usage),
      sources: given.map(source),
      ...(rewritten && { rewritten }),
      ...illustrationField(answer),
    });
  }

  return {
    *begin(): Generator<object> {
      for (const type of ['response.created', 'response.in_progress'])
        yield event(type, { response: body({ status: 'in_progress' }) });
    },
    *of(asked: AskEvent): Generator<object> {
      if (asked.type === 'sources') {
        ({ sources } = asked);
        searchedFor = asked.rewritten?.query ?? head.question;
        if (asksFiles) yield* searched();
      }
      if (asked.type === 'thinking') yield* thoughts.think(asked.text);
      else yield* thoughts.close();
      if (asked.type === 'text') yield* say(asked.text);
      if (asked.type === 'tool_calls') for (const piece of asked.calls) yield* call(piece);
      if (asked.type === 'answer') yield* finish(asked.answer);
    },
    /** The response when it has ended; nothing before. */
    final: () => final,
    *fail({ code, message, param }: LimnerError): Generator<object> {
      const error = { code: 'server_error', message };
      yield event('response.failed', { response: body({ status: 'failed', error }) });
      yield event('error', { code, message, param: param ?? null });
    },
    output: (): readonly OutputItem[] => output,
  };
}

function placeOf({ item, at }: { item: OutputItem; at: number }) {
  return { item_id: item.id, output_index: at, content_index: 0 };
}

function textPart(text: string, annotations: object[]) {
  return { type: 'output_text', text, annotations, logprobs: [] };
}

/** `index` is where the marker begins in the text. */
function fileCitation({ start, citation }: Annotation) {
  const { document } = citation.passage;
  return {
    type: 'file_citation',
    file_id: fileId(document.id),
    filename: fileName(document.uri),
    index: start,
  };
}

function urlCitation({ start, end, citation: { url, title } }: Annotation) {
  return { type: 'url_citation', start_index: start, end_index: end, url, title };
}

function result({ passage }: Citation, attributesOf: ResponseHead['attributesOf']) {
  const { document, score } = passage;
  return {
    file_id: fileId(document.id),
    filename: fileName(document.uri),
    score,
    text: readingText(passage),
    attributes: attributesOf(document.id),
  };
}

function usageBody({ promptTokens, completionTokens }: Answer['usage']) {
  return {
    input_tokens: promptTokens,
    input_tokens_details: { cached_tokens: 0, cache_write_tokens: 0 },
    output_tokens: completionTokens,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: promptTokens + completionTokens,
  };
}

function responseBody({ id, createdAt, body }: ResponseHead, output: readonly OutputItem[]) {
  return {
    id,
    object: 'response',
    created_at: createdAt,
    status: 'in_progress',
    background: false,
    error: null,
    incomplete_details: null,
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    metadata: body.metadata ?? {},
    model: body.model,
    output: [...output],
    parallel_tool_calls: true,
    previous_response_id: body.previous_response_id ?? null,
    reasoning: { effort: body.reasoning?.effort ?? null, summary: null },
    store: body.store ?? true,
    temperature: body.temperature ?? null,
    text: { format: body.text?.format ?? { type: 'text' } },
    tool_choice: body.tool_choice ?? 'auto',
    tools: (body.tools ?? []).map(shownTool),
    top_p: body.top_p ?? null,
    truncation: 'disabled',
  };
}

function shownTool(tool: NonNullable<ResponseRequest['tools']>[number]) {
  if (tool.type === 'file_search') return tool;
  return { ...tool, parameters: tool.parameters ?? null, strict: tool.strict ?? false };
}
