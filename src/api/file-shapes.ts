import type { FileBatch, VectorStore } from '../ingest/vector-stores.ts';
import type { LedgerDocument } from '../ingest/catalogue.ts';
import type { Passage } from '../document.ts';
import { fileId, fileName } from './file-ids.ts';

/** OpenAI's shapes of files and vector stores. */

type FileState = 'in_progress' | 'completed' | 'failed';

/** What `empty` has no text in is done as well. */
export function stateOf({ state }: Pick<LedgerDocument, 'state'>): FileState {
  if (state === 'failed') return 'failed';
  return state === 'searchable' || state === 'empty' ? 'completed' : 'in_progress';
}

const FILE_STATUS = { in_progress: 'uploaded', completed: 'processed', failed: 'error' } as const;

export function fileBody(document: LedgerDocument) {
  return {
    id: fileId(document.id),
    object: 'file',
    bytes: document.bytes,
    created_at: seconds(document.created_at),
    filename: fileName(document.uri),
    purpose: 'assistants',
    status: FILE_STATUS[stateOf(document)],
    ...(document.error && { status_details: document.error.message }),
  };
}

export function storeFileBody(storeId: string, document: LedgerDocument) {
  return {
    id: fileId(document.id),
    object: 'vector_store.file',
    usage_bytes: document.bytes,
    created_at: seconds(document.created_at),
    vector_store_id: storeId,
    status: stateOf(document),
    last_error: document.error && { code: errorCode(document.error.code), message: document.error.message },
    chunking_strategy: { type: 'other' },
    attributes: document.metadata,
  };
}

/** OpenAI knows three. */
function errorCode(code: NonNullable<LedgerDocument['error']>['code']): string {
  if (code === 'unsupported') return 'unsupported_file';
  return code === 'internal' || code === 'disk_full' ? 'server_error' : 'invalid_file';
}

type Tally = readonly { state: LedgerDocument['state']; count: number; bytes: number; last: string }[];

export function storeBody(store: VectorStore, tally: Tally) {
  const counts = countsOf(tally.flatMap((one) => Array.from({ length: one.count }, () => one)));
  const last = tally.map((one) => seconds(one.last));
  const created = Math.floor(store.createdAt / 1000);
  return {
    id: store.id,
    object: 'vector_store',
    created_at: created,
    name: store.name,
    usage_bytes: tally.reduce((sum, { bytes }) => sum + bytes, 0),
    file_counts: counts,
    status: counts.in_progress > 0 ? 'in_progress' : 'completed',
    expires_at: null,
    last_active_at: Math.max(created, ...last),
    metadata: store.metadata,
    /** Ours: what `limner/<collection>` asks. */
    collection: store.collection,
  };
}

export function batchBody(batch: FileBatch, documents: readonly LedgerDocument[]) {
  const counts = countsOf(documents);
  const under = counts.in_progress > 0 ? 'in_progress' : 'completed';
  return {
    id: batch.id,
    object: 'vector_store.files_batch',
    created_at: Math.floor(batch.createdAt / 1000),
    vector_store_id: batch.storeId,
    status: batch.cancelled ? 'cancelled' : under,
    file_counts: counts,
  };
}

function countsOf(documents: readonly Pick<LedgerDocument, 'state'>[]) {
  const counts = { in_progress: 0, completed: 0, failed: 0, cancelled: 0, total: documents.length };
  for (const document of documents) counts[stateOf(document)] += 1;
  return counts;
}

export function hitBody(passage: Passage, attributes: LedgerDocument['metadata']) {
  const { document, score, text } = passage;
  return {
    file_id: fileId(document.id),
    filename: fileName(document.uri),
    score,
    attributes,
    content: [{ type: 'text', text }],
  };
}

/** A page of a list; one more than `limit` tells that there are more. */
export function listBody<T extends { id: string }>(items: readonly T[], limit: number) {
  const data = items.slice(0, limit);
  return {
    object: 'list',
    data,
    first_id: data[0]?.id ?? '',
    last_id: data.at(-1)?.id ?? '',
    has_more: items.length > limit,
  };
}

function seconds(iso: string): number {
  return Math.floor(Date.parse(iso) / 1000);
}
