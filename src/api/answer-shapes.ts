import { z } from 'zod';
import { DOCUMENT_STATES, FIGURE_MIMES, MORE_PLACE } from '../document.ts';
import { IMAGE_STATES } from './images.ts';

/** What the routes answer, for the description of the API; a test holds every real answer to these. */

export const listOf = (item: z.ZodType) =>
  z.object({ data: z.array(item), next_cursor: z.string().nullable() });

export const Time = z.iso.datetime();
const Failed = z.object({ code: z.string(), message: z.string() });
const Span = z.tuple([z.int(), z.int()]);
const Box = z.tuple([z.number(), z.number(), z.number(), z.number()]);

export const ErrorAnswer = z
  .object({
    error: z.object({
      message: z.string(),
      type: z.string(),
      code: z.string(),
      param: z.string().nullable(),
    }),
  })
  .meta({ id: 'Error' });

export const DocumentAnswer = z
  .object({
    id: z.string(),
    source: z.enum(['inbox', 'upload']),
    uri: z.string(),
    title: z.string(),
    collection: z.string(),
    state: z.enum(DOCUMENT_STATES),
    error: Failed.nullable(),
    warnings: z.array(z.string()),
    bytes: z.int(),
    pages: z.int().nullable(),
    ocr: z.object({ pages: z.int(), confidence: z.number().nullable() }).nullable(),
    chunks: z.int(),
    vectors: z.int(),
    hash: z.string().nullable(),
    revision: z.int(),
    processor: z.string().nullable(),
    metadata: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
    tags: z.array(z.string()),
    created_at: Time,
    updated_at: Time,
  })
  .meta({ id: 'Document' });

export const TextAnswer = z.object({
  id: z.string(),
  title: z.string(),
  text: z.string(),
  start: z.int(),
  end: z.int(),
  length: z.int(),
});

export const WordsAnswer = z.object({
  page: z.int(),
  width: z.number(),
  height: z.number(),
  words: z.array(z.object({ text: z.string(), span: Span, box: Box })),
});

export const FigureAnswer = z
  .object({
    id: z.string(),
    mime: z.enum(FIGURE_MIMES),
    width: z.int(),
    height: z.int(),
    bytes: z.int(),
    page: z.int().nullable(),
    box: Box.nullable(),
    description: z.string().nullable(),
    caption: z.object({ model: z.string(), text: z.string() }).nullable(),
    url: z.string(),
  })
  .meta({ id: 'Figure' });

const Named = z.object({ id: z.string(), uri: z.string(), title: z.string(), collection: z.string() });
const Lines = z.tuple([z.int(), z.int()]).nullable();
const MorePlace = z.object(MORE_PLACE);
const Ranks = z.object({ keyword: z.number().nullable(), vector: z.number().nullable() });

const Hit = z
  .object({
    document: Named,
    ordinal: z.int(),
    text: z.string(),
    score: z.number(),
    page: z.int().nullable(),
    headings: z.array(z.string()),
    lines: Lines,
    place: MorePlace,
    span: Span,
    ranks: Ranks,
    scores: Ranks,
    reranked: z.int().nullable(),
    also: z.array(Named),
    url: z.url().meta({ description: 'opens the viewer at the passage, its words marked' }),
  })
  .meta({ id: 'Hit' });

export const ChunkAnswer = z.object({
  ordinal: z.int(),
  text: z.string(),
  span: Span,
  page: z.int().nullable(),
  headings: z.array(z.string()),
  lines: Lines,
  place: MorePlace,
});

export const ConversationAnswer = z.object({
  id: z.string(),
  title: z.string(),
  turns: z.int(),
  created_at: Time,
  updated_at: Time,
});

export const SearchAnswer = z.object({
  hits: z.array(Hit),
  arms: z.object({ keyword: z.int(), vector: z.int() }),
});

const Source = z
  .object({
    marker: z.int(),
    document_id: z.string(),
    uri: z.string(),
    collection: z.string(),
    title: z.string(),
    url: z.url(),
    page: z.int().nullable(),
    headings: z.array(z.string()),
    lines: Lines,
    place: MorePlace,
    span: Span,
    score: z.number(),
    also: z.array(z.object({ document_id: z.string(), uri: z.string(), title: z.string() })),
    text: z.string(),
    text_span: Span,
  })
  .meta({ id: 'Source' });

export const PictureAnswer = z
  .object({
    id: z.string(),
    object: z.literal('image.job'),
    workflow: z.string(),
    state: z.enum(IMAGE_STATES),
    progress: z.number(),
    inputs: z.record(z.string(), z.unknown()),
    generated: z.literal(true),
    seed: z.int().nullable(),
    passages: z.array(
      z.object({
        document: z.string(),
        collection: z.string().optional(),
        title: z.string(),
        page: z.int().nullable(),
        url: z.string(),
        text: z.string(),
      }),
    ),
    outputs: z.array(
      z.object({
        id: z.string(),
        kind: z.string(),
        mime: z.string(),
        bytes: z.int(),
        name: z.string(),
        url: z.string(),
      }),
    ),
    error: Failed.nullable(),
    worker: z.string().nullable(),
    attempts: z.int(),
    created_at: Time,
    updated_at: Time,
  })
  .meta({ id: 'Picture' });

export const AskAnswer = z.object({
  answer: z.string(),
  model: z.string().nullable(),
  citations: z.array(Source),
  annotations: z.array(z.object({ marker: z.int(), start: z.int(), end: z.int() })),
  sources: z.array(Source),
  index: z.object({ searchable: z.int(), pending: z.int(), failed: z.int() }).nullable(),
  /** What was searched, where it is not the question itself. */
  rewritten: z.object({ query: z.string(), by: z.enum(['model', 'terms']) }).nullable(),
  usage: z.object({
    prompt_tokens: z.int(),
    completion_tokens: z.int(),
    finish_reason: z.string(),
  }),
  /** A picture's job, a figure of the cited document, or why there is none. */
  illustration: z
    .union([
      PictureAnswer,
      z.object({
        generated: z.literal(false),
        figure: z.looseObject({ document: z.string(), url: z.string() }),
      }),
      ErrorAnswer,
    ])
    .optional(),
});
