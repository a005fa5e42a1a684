import { extname } from 'node:path/posix';
import type { Store } from '../store/store.ts';
import { reach } from '../points.ts';
import { fieldsOf, type Catalogue, type LedgerDocument, type Outcome } from './catalogue.ts';
import { fileNameOf, type Inbox } from './inbox.ts';
import type { Result } from './pipeline.ts';
import type { Taken } from './take.ts';

export interface MoveParts {
  inbox: Inbox;
  catalogue: Catalogue;
  store: Store;
  collectionOf: (uri: string) => string;
  /** What would make the chunks of a document at `uri`: one made the same way takes another place as it is. */
  recipeOf: (uri: string) => string;
  make: (document: LedgerDocument, taken: Taken, signal: AbortSignal) => Promise<Outcome>;
}

/** How long a file that may be a moved one waits for the work on the document it may be; ms. */
const BUSY_WAIT_MS = 100;

/** A file that is new here and gone elsewhere has moved: the known document takes this place. */
export function createMoves({ inbox, catalogue, store, collectionOf, recipeOf, make }: MoveParts) {
  /** Documents that are being moved: of several new copies one takes the place, the others are made. */
  const moving = new Set<string>();

  async function adopt(
    document: LedgerDocument,
    taken: Taken,
    signal: AbortSignal,
  ): Promise<Result | undefined> {
    if (document.source !== 'inbox' || document.revision > 0) return undefined;
    for (const { id, path } of catalogue.withHash(taken.hash, document.id)) {
      if ((await inbox.look(path)).kind !== 'absent') continue;
      const known = catalogue.get(id);
      if (!known || moving.has(id)) continue;
      if (!Buffer.from(known.path).equals(path)) continue;
      // Its own job may be about to forget it, or be at work on another content.
      if (known.state === 'working') return { again: BUSY_WAIT_MS };
      return (await move(known, document, taken, signal)) ? { erasedFor: id } : { again: BUSY_WAIT_MS };
    }
    return undefined;
  }

  async function move(
    known: LedgerDocument,
    to: LedgerDocument,
    taken: Taken,
    signal: AbortSignal,
  ): Promise<boolean> {
    moving.add(known.id);
    try {
      return await moveNow(known, to, taken, signal);
    } finally {
      moving.delete(known.id);
    }
  }

  /** False when a job of its own ran meanwhile, which knows the old place only and forgets what is not there. */
  async function moveNow(
    known: LedgerDocument,
    to: LedgerDocument,
    taken: Taken,
    signal: AbortSignal,
  ): Promise<boolean> {
    const title = known.title === fileNameOf(known.uri) ? fileNameOf(to.uri) : known.title;
    const moved = { ...known, uri: to.uri, path: to.path, title, collection: collectionOf(to.uri) };
    // Another ending may mean another processor.
    const alike = known.recipe === recipeOf(to.uri) && endingOf(known.uri) === endingOf(to.uri);
    const asItIs = known.state !== 'gone' && alike;
    const back = asItIs ? undefined : await make(moved, taken, signal);
    if (!back) await store.describe(fieldsOf(moved));
    reach('moved');
    let isMoved = false;
    await catalogue.change(known.id, (connection) => {
      const now = catalogue.read(connection, known.id);
      isMoved = now?.state === known.state && now.uri === known.uri;
      // The store has it at the new place: if the old one stays, it is made again.
      if (!isMoved) return catalogue.set(connection, known.id, { recipe: null });
      catalogue.erase(connection, to.id);
      const { uri, path, collection } = moved;
      catalogue.set(connection, known.id, {
        uri,
        path,
        title,
        collection,
        ...back,
        signature: taken.signature,
      });
    });
    return isMoved;
  }

  return adopt;
}

const endingOf = (uri: string): string => extname(fileNameOf(uri)).toLowerCase();
