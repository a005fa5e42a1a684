import type { Annotation, Answer, AskEvent, ChatUsage, ToolCall, ToolCallPart } from '../ask/ask.ts';
import { morePlace, readingText, type Citation } from '../document.ts';
import { illustrationBody } from './images.ts';

/** OpenAI's shapes for chat completions, with our citations beside them. Field by field as strict clients need. */

export interface Head {
  id: string;
  created: number;
  model: string;
}

/** `url_citation` is the only kind that strict clients take; offsets are UTF-16, `end_index` exclusive. */
function annotation({ start, end, citation }: Annotation) {
  return {
    type: 'url_citation',
    url_citation: { start_index: start, end_index: end, url: citation.url, title: citation.title },
  };
}

/** One of our `sources`: what is needed to open the passage and to show it. `span` is what is cited, `text_span` what is in `text`. */
export function source({ marker, passage, url, title }: Citation) {
  return {
    marker,
    document_id: passage.document.id,
    uri: passage.document.uri,
    collection: passage.document.collection,
    title,
    url,
    page: passage.page ?? null,
    headings: passage.headings ?? [],
    lines: passage.lines ?? null,
    place: morePlace(passage),
    span: passage.span,
    score: passage.score,
    also: (passage.also ?? []).map(({ id, uri, title: name }) => ({ document_id: id, uri, title: name })),
    text: readingText(passage),
    text_span: passage.context?.span ?? passage.span,
  };
}

/** `citations` and `search_results` in Perplexity's form: the n-th is what `[n]` points at. */
function citationFields({ sources, index, rewritten }: Pick<Answer, 'sources' | 'index' | 'rewritten'>) {
  return {
    ...(index && { index }),
    ...(rewritten && { rewritten }),
    citations: sources.map(({ url }) => url),
    search_results: sources.map(({ title, url }) => ({ title, url, date: null })),
    sources: sources.map(source),
  };
}

/** The picture beside the answer, as our own field. */
export function illustrationField({ illustration }: Answer) {
  return illustration && { illustration: illustrationBody(illustration) };
}

function usageBody({ promptTokens, completionTokens }: ChatUsage) {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
  };
}

/** A call of a tool in OpenAI's shape; in streams each piece carries its `index`. */
function toolCall({ id, name, arguments: text }: ToolCall) {
  return { id, type: 'function', function: { name, arguments: text } };
}

function toolCallPiece({ index, id, name, arguments: text }: ToolCallPart) {
  return {
    index,
    ...(id !== undefined && { id, type: 'function' }),
    function: { ...(name !== undefined && { name }), arguments: text },
  };
}

export function completion(head: Head, answer: Answer) {
  return {
    id: head.id,
    object: 'chat.completion',
    created: head.created,
    model: head.model,
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: answer.text,
          refusal: null,
          annotations: answer.annotations.map(annotation),
          ...(answer.thinking !== '' && { reasoning_content: answer.thinking }),
          ...(answer.toolCalls.length > 0 && { tool_calls: answer.toolCalls.map(toolCall) }),
        },
        finish_reason: answer.usage.finish,
        logprobs: null,
      },
    ],
    usage: usageBody(answer.usage),
    ...citationFields(answer),
    ...illustrationField(answer),
  };
}

/**
 * What Open WebUI shows as a source with its text: it hands the `event` of a chunk to its own emitter (its
 * docs/plugin/development/events, and backend/open_webui/utils/middleware.py).
 */
function sourceEvent({ passage, title, url }: Citation) {
  return {
    type: 'source',
    data: {
      source: { id: url, name: title },
      document: [readingText(passage)],
      metadata: [{ source: url, name: title, url }],
    },
  };
}

/** Chunks of one stream. With `includeUsage` every chunk says `usage: null` and one more at the end has it. */
export function chunksOf(
  head: Head,
  { includeUsage, asEvents }: { includeUsage: boolean; asEvents: boolean },
) {
  const chunk = (delta: object, finish: string | null) => ({
    id: head.id,
    object: 'chat.completion.chunk',
    created: head.created,
    model: head.model,
    choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
    ...(includeUsage && { usage: null }),
  });
  const last = (answer: Answer): object[] => [
    ...(answer.annotations.length > 0
      ? [chunk({ annotations: answer.annotations.map(annotation) }, null)]
      : []),
    { ...chunk({}, answer.usage.finish), ...illustrationField(answer) },
    ...(includeUsage ? [{ ...chunk({}, null), choices: [], usage: usageBody(answer.usage) }] : []),
  ];
  return {
    of(event: AskEvent): object[] {
      if (event.type === 'sources') {
        const first = chunk({ role: 'assistant', content: '', refusal: null }, null);
        const eventChunk = (one: Citation) => Object.assign(chunk({}, null), { event: sourceEvent(one) });
        const passages = asEvents ? event.sources.map(eventChunk) : [];
        return [{ ...first, ...citationFields(event) }, ...passages];
      }
      if (event.type === 'answer') return last(event.answer);
      if (event.type === 'tool_calls') return [chunk({ tool_calls: event.calls.map(toolCallPiece) }, null)];
      return [
        chunk(event.type === 'text' ? { content: event.text } : { reasoning_content: event.text }, null),
      ];
    },
  };
}
