import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { LimnerError } from '../errors.ts';
import type { LedgerDocument } from '../ingest/catalogue.ts';
import type { Deliveries } from '../ingest/deliveries.ts';
import type { Documents } from '../ingest/documents.ts';
import { baseName, documentBody } from './documents.ts';
import { parse } from './failure.ts';
import { ExternalId, fieldsOf, FileFields, sendText, sendUrl, TextBody, UrlBody } from './sent.ts';
import { verifyDelivery, type Delivery } from './signature.ts';

export const FileBody = z.strictObject({ filepath: z.string().min(1).max(4096) });
export const DeleteBody = ExternalId.extend({ delete: z.literal(true) });

/** A signature covers the whole body, so that it is held in memory; larger files go to `POST /api/documents`. */
const MAX_BYTES = 64 * 1024 * 1024;

export interface WebhookRoutes {
  documents: Documents;
  deliveries: Deliveries;
  /** With any set, a delivery has to be signed with one of them. */
  secrets: readonly string[];
}

/** Other programs say that a file in the inbox is complete, or name an address to fetch, or send a text. */
export function webhookRoutes(
  server: FastifyInstance,
  { documents, deliveries, secrets }: WebhookRoutes,
): void {
  const underWay = new Map<string, Promise<LedgerDocument>>();

  /** A repeated delivery is answered like the first one, without effect, also while that is under way. */
  async function takeSigned(request: FastifyRequest, bytes: Buffer): Promise<LedgerDocument> {
    const { id } = verifyDelivery(deliveryOf(request, bytes), secrets);
    const first = underWay.get(id);
    if (first) return first;
    const taken = takeOnce(id, request, bytes).finally(() => underWay.delete(id));
    underWay.set(id, taken);
    return taken;
  }

  async function takeOnce(id: string, request: FastifyRequest, bytes: Buffer): Promise<LedgerDocument> {
    const known = deliveries.find(id);
    // Its document may be gone for good: a file that was found to be a moved one is the document that moved.
    const before = known === undefined ? undefined : existing(documents, known);
    if (before) return before;
    const document = await takeBody(documents, request, bytes);
    await deliveries.remember(id, document.id);
    return document;
  }

  void server.register(async (webhooks) => {
    // A signature is over the bytes as they came.
    webhooks.addContentTypeParser(
      ['application/json', 'multipart/form-data'],
      { parseAs: 'buffer' },
      (_request, body, done) => done(null, body),
    );
    webhooks.post('/webhooks/process', { bodyLimit: MAX_BYTES }, async (request, reply) => {
      const bytes = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
      const document =
        secrets.length > 0 ? await takeSigned(request, bytes) : await takeBody(documents, request, bytes);
      return reply.code(202).send(documentBody(document));
    });
  });
}

function existing(documents: Documents, id: string): LedgerDocument | undefined {
  try {
    return documents.get(id);
  } catch (error) {
    if (error instanceof LimnerError && error.code === 'not_found') return undefined;
    throw error;
  }
}

function takeBody(documents: Documents, { headers }: FastifyRequest, bytes: Buffer): Promise<LedgerDocument> {
  const type = headers['content-type'] ?? '';
  return type.startsWith('multipart/form-data')
    ? takeForm(documents, type, bytes)
    : take(documents, parseJson(bytes));
}

/** One file, in the field `file`, and what is said of it. */
async function takeForm(documents: Documents, type: string, bytes: Buffer): Promise<LedgerDocument> {
  const { file, ...fields } = Object.fromEntries(await parseForm(type, bytes));
  if (!(file instanceof File))
    throw new LimnerError('invalid_request', 'The form holds no file.', { param: 'file' });
  const about = parse(FileFields, fields);
  const name = baseName(file.name);
  return documents.upload({
    ...fieldsOf(about),
    kind: 'uploads',
    name,
    title: about.title ?? name,
    body: Readable.from([Buffer.from(await file.arrayBuffer())]),
  });
}

async function parseForm(type: string, bytes: Buffer): Promise<FormData> {
  try {
    return await new Response(new Uint8Array(bytes), { headers: { 'content-type': type } }).formData();
  } catch (error) {
    throw new LimnerError('invalid_request', 'The form is malformed, or it broke off before its end.', {
      cause: error,
    });
  }
}

function take(documents: Documents, body: unknown): Promise<LedgerDocument> {
  const has = (name: string): boolean => typeof body === 'object' && body !== null && name in body;
  if (has('delete')) return documents.removeSent(parse(DeleteBody, body).external_id);
  if (has('url')) return sendUrl(documents, parse(UrlBody, body));
  if (has('text')) return sendText(documents, parse(TextBody, body));
  return documents.process(parse(FileBody, body).filepath);
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw new LimnerError('invalid_request', 'The body is not JSON.', { cause: error });
  }
}

function deliveryOf({ headers }: FastifyRequest, body: Buffer): Delivery {
  const one = (name: string): string | undefined => {
    const value = headers[name];
    return typeof value === 'string' ? value : undefined;
  };
  return {
    id: one('webhook-id'),
    timestamp: one('webhook-timestamp'),
    signatures: one('webhook-signature'),
    body,
  };
}
