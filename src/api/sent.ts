import { Readable } from 'node:stream';
import { z } from 'zod';
import type { LedgerDocument } from '../ingest/catalogue.ts';
import type { Documents } from '../ingest/documents.ts';
import { Metadata } from '../ingest/filter.ts';

export const Label = z.string().min(1).max(500);

const Tags = z.array(z.string().min(1).max(100)).max(100);

const About = z.strictObject({
  title: Label.optional(),
  collection: z.string().optional(),
  external_id: Label.optional(),
  metadata: Metadata.optional(),
  tags: Tags.optional(),
});

/** A form's fields are words: metadata is a JSON object, tags are a JSON list or words between commas. */
export const FileFields = About.extend({
  metadata: z.preprocess(fromJson, Metadata.optional()),
  tags: z.preprocess(fromList, Tags.optional()),
});
/** The sender's own name of a document. */
export const ExternalId = z.strictObject({ external_id: Label });

/** What may be said of a document after it was sent. */
export const Annotations = About.pick({ metadata: true, tags: true });
export const TextBody = About.extend({ text: z.string().min(1) });
export const UrlBody = About.extend({ url: z.string().min(1).max(4096) });

/** How long a sender waits for an address to be fetched at most, ms. */
const FETCH_MS = 120_000;

/** A text is a document whose bytes are in the request. */
export function sendText(documents: Documents, body: z.infer<typeof TextBody>): Promise<LedgerDocument> {
  const name = body.title ?? (body.text.trim().split('\n', 1)[0]?.slice(0, 80) || 'Text');
  return documents.upload({
    kind: 'texts',
    name,
    title: name,
    body: Readable.from([Buffer.from(body.text)]),
    ...fieldsOf(body),
  });
}

/** A page or file of the public network; asked for again it is fetched again, as the same document. */
export function sendUrl(documents: Documents, body: z.infer<typeof UrlBody>): Promise<LedgerDocument> {
  return documents.uploadUrl(
    { url: body.url, ...(body.title !== undefined && { title: body.title }), ...fieldsOf(body) },
    AbortSignal.timeout(FETCH_MS),
  );
}

export function fieldsOf({ external_id: externalId, collection, metadata, tags }: z.infer<typeof About>) {
  return {
    ...(externalId !== undefined && { externalId }),
    ...(collection !== undefined && { collection }),
    ...(metadata && { metadata }),
    ...(tags && { tags }),
  };
}

function fromJson(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value);
  } catch {
    return value; // refused by the schema, with its name
  }
}

function fromList(value: unknown): unknown {
  if (typeof value !== 'string' || value.trimStart().startsWith('[')) return fromJson(value);
  return value
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean);
}
