import type { Ask } from '../ask/ask.ts';
import type { Converse } from '../ask/converse.ts';
import type { Memory } from '../ask/remembered.ts';
import type { Retrieve } from '../ask/retrieve.ts';
import { LimnerError } from '../errors.ts';
import type { LedgerDocument } from '../ingest/catalogue.ts';
import type { Documents } from '../ingest/documents.ts';
import type { Filter } from '../ingest/filter.ts';
import type { StoreFiles } from '../ingest/store-files.ts';
import type { VectorStores } from '../ingest/vector-stores.ts';
import { DEFAULT_COLLECTION } from '../ingest/inbox.ts';
import type { AccessScope } from './access.ts';
import { limitService, type LimitedService } from './limited-service.ts';
import { limitFiles, limitMemory, limitStores } from './limited-stores.ts';

interface Ports extends LimitedService {
  documents: Documents;
  retrieve: Retrieve;
  ask: Ask;
  converse: Converse;
  stores: VectorStores;
  files: StoreFiles;
  memory: Memory;
  collections: () => string[];
  matching: (filter: Filter, collections?: readonly string[]) => string[];
}

/** The ports as the key of the request under way may use them; routes are given no others. */
export function limitPorts<P extends Ports>(parts: P, scope: AccessScope): P {
  const { retrieve, ask, converse, collections, matching } = parts;
  const documents = limitDocuments(parts.documents, scope);
  const stores = limitStores(parts.stores, scope);
  const narrow = <Q extends { collection?: string }>(query: Q): Q => {
    const narrowed = scope.narrow(query);
    if (query.collection !== undefined) checkKnown(query.collection, parts);
    return narrowed;
  };
  const limited: Ports = {
    documents,
    retrieve: (query, signal) => retrieve(narrow(query), signal),
    ask: (request, signal) => ask(narrow(request), signal),
    converse: (conversation, signal) =>
      converse({ ...narrow(conversation), mayPaint: scope.has('write') }, signal),
    stores,
    files: limitFiles(parts.files, stores, scope),
    memory: limitMemory(parts.memory, scope),
    ledger: parts.ledger,
    ...limitService(parts, scope),
    collections: () => collections().filter(scope.reaches),
    // What fields the documents of others have is not told either.
    matching: (filter) => matching(filter, scope.collections()),
  };
  return { ...parts, ...limited };
}

/** A name that is mistyped would find nothing and look like an answer. A store without documents is known. */
function checkKnown(name: string, { collections, stores }: Pick<Ports, 'collections' | 'stores'>): void {
  if (name === DEFAULT_COLLECTION || collections().includes(name)) return;
  if (stores.list().some(({ collection }) => collection === name)) return;
  throw new LimnerError(
    'invalid_request',
    `There is no collection ${JSON.stringify(name)}; GET /api/collections lists them.`,
    {
      param: 'collection',
    },
  );
}

/** Every method is named: one that is added to the port does not reach the routes until it is limited here. */
function limitDocuments(inner: Documents, scope: AccessScope): Documents {
  function get(id: string): LedgerDocument {
    const document = inner.get(id);
    if (!scope.reaches(document.collection)) throw missing(id);
    return document;
  }

  /** What is sent goes to a collection of the key, and replaces nothing elsewhere. */
  function place<A extends { collection?: string }>(about: A): A & { within?: readonly string[] } {
    const allowed = scope.collections();
    if (!allowed) return about;
    const collection = about.collection ?? allowed[0] ?? '';
    scope.check(collection);
    return { ...about, collection, within: allowed };
  }

  function only<A extends unknown[], T>(work: (id: string, ...rest: A) => T) {
    return (id: string, ...rest: A): T => {
      get(id);
      return work(id, ...rest);
    };
  }

  return {
    get,
    list: (filter) => listWithin(inner, scope, filter),
    collections: () => inner.collections().filter(scope.reaches),
    upload: (upload) => inner.upload(place(upload)),
    uploadUrl: (upload, signal) => inner.uploadUrl(place(upload), signal),
    process: (filepath) => {
      if (scope.collections()) throw new LimnerError('forbidden', 'This key does not reach the inbox.');
      return inner.process(filepath);
    },
    reindex: only(inner.reindex),
    annotate: only(inner.annotate),
    move: (id, collection) => {
      scope.check(collection);
      return only(inner.move)(id, collection);
    },
    remove: only(inner.remove),
    sent(externalId) {
      const known = inner.sent(externalId);
      return known && scope.reaches(known.collection) ? known : undefined;
    },
    removeSent(externalId) {
      const known = inner.sent(externalId);
      if (known && !scope.reaches(known.collection))
        throw new LimnerError('not_found', `Nothing was sent as ${externalId}.`, { param: 'external_id' });
      return inner.removeSent(externalId);
    },
    text: (document) => inner.text(get(document.id)),
    chunks: (document, page) => inner.chunks(get(document.id), page),
    words: (document, page) => inner.words(get(document.id), page),
    figuresOf: only(inner.figuresOf),
    figure: only(inner.figure),
    open: (document, partOf) => inner.open(get(document.id), partOf),
  };
}

/** The pages of several collections are merged: a page of each holds the first of them all. */
function listWithin(
  inner: Documents,
  scope: AccessScope,
  filter: Parameters<Documents['list']>[0],
): LedgerDocument[] {
  const allowed = scope.collections();
  if (!allowed) return inner.list(filter);
  if (filter.collection !== undefined) scope.check(filter.collection);
  const wanted = filter.collection === undefined ? [...new Set(allowed)] : [filter.collection];
  return wanted
    .flatMap((collection) => inner.list({ ...filter, collection }))
    .toSorted(inOrder(filter.order))
    .slice(0, filter.limit);
}

function inOrder(order: Parameters<Documents['list']>[0]['order']) {
  const key = ({ id, updated_at: at }: LedgerDocument): string => (order === 'newest' ? `${at}~${id}` : id);
  const sign = order === 'newest' ? -1 : 1;
  return (a: LedgerDocument, b: LedgerDocument): number => (key(a) < key(b) ? -sign : sign);
}

/** The words of the port itself, so that an id of another collection looks like one that was never there. */
function missing(id: string): LimnerError {
  return new LimnerError('not_found', `There is no document ${id}.`);
}
