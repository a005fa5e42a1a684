import type { Catalogue } from './catalogue.ts';
import { isOf, type Inbox } from './inbox.ts';
import { isUnread, type Walk } from './scan.ts';

/** What a scan would do now. Each list holds paths relative to the inbox. */
export interface Preview {
  added: string[];
  updated: string[];
  moved: { from: string; to: string }[];
  forgotten: string[];
  /** Why each is left out; of very many only the first. */
  ignored: { path: string; reason: string }[];
  unreadable: { folder: string; reason: string }[];
  /** Bytes that would be read. */
  bytes: number;
  /** About how long reading would take, seconds; by the speed of what was read since the start. */
  seconds: number;
}

export interface PreviewParts {
  inbox: Inbox;
  catalogue: Catalogue;
  recipeOf: (uri: string) => string;
  speed: () => Speed;
}

/** How fast documents were read so far. */
export interface Speed {
  documents: number;
  bytes: number;
  /** Time from a claim to the result, summed over the readers, ms. */
  ms: number;
  /** Documents that are read side by side. */
  width: number;
}

/** Before anything was read: what a small machine does with office files. */
const GUESS = { documents: 100, bytes: 50_000_000, ms: 20_000 };

interface Missing {
  uri: string;
  /** Size, inode and device, which a rename keeps. */
  identity: string;
}

/** Compares what a walk found with the ledger like a scan, and changes nothing. */
export function createPreview({ inbox, catalogue, recipeOf, speed }: PreviewParts) {
  return async function preview(found: Walk): Promise<Preview> {
    const rows = new Map(catalogue.inboxRows().map((row) => [row.uri, row]));
    const result: Preview = {
      added: [],
      updated: [],
      moved: [],
      forgotten: [],
      ignored: [...found.reasons].map(([path, reason]) => ({ path, reason })),
      unreadable: [...found.unread].map(([folder, reason]) => ({ folder, reason })),
      bytes: 0,
      seconds: 0,
    };
    const fresh = new Map<string, { uri: string; bytes: number }>();
    for (const [uri, path] of found.files) {
      const look = await inbox.look(path, { walked: true });
      const row = rows.get(uri);
      rows.delete(uri);
      if (look.kind === 'absent') continue;
      // An event may have listed it already; until it is read it is as good as new.
      if (!row || row.state === 'seen')
        fresh.set(`${identityOf(look.signature)}/${uri}`, { uri, bytes: look.bytes });
      else if (!isOf(row.signature, look.signature) || row.recipe !== recipeOf(uri)) {
        result.updated.push(uri);
        result.bytes += look.bytes;
      }
    }
    const missing = [...rows.values()]
      .filter(({ uri }) => !isUnread(found, uri))
      .map(({ uri, signature }) => ({ uri, identity: identityOf(signature ?? '') }));
    pair(missing, fresh, result);
    for (const { uri, bytes } of fresh.values()) {
      result.added.push(uri);
      result.bytes += bytes;
    }
    result.seconds = secondsFor(result, speed());
    return result;
  };
}

/** A file that is new here and gone elsewhere, with the same inode, has been moved. */
function pair(
  missing: readonly Missing[],
  fresh: Map<string, { uri: string; bytes: number }>,
  result: Preview,
): void {
  const byIdentity = new Map(
    [...fresh].map(([key, { uri }]) => [key.slice(0, key.indexOf('/')), { key, uri }]),
  );
  for (const { uri, identity } of missing) {
    const moved = identity === '' ? undefined : byIdentity.get(identity);
    if (!moved) {
      result.forgotten.push(uri);
      continue;
    }
    byIdentity.delete(identity);
    fresh.delete(moved.key);
    result.moved.push({ from: uri, to: moved.uri });
  }
}

/** A signature is size, mtime, ctime, inode, device; a rename changes the ctime. */
function identityOf(signature: string): string {
  const [size, mtime, , inode, device] = signature.split(':');
  return device === undefined ? '' : `${size}:${mtime}:${inode}:${device}`;
}

/** The larger of what the number of files and what their bytes suggest. */
function secondsFor({ added, updated, bytes }: Preview, speed: Speed): number {
  const known = speed.documents >= 20 ? speed : { ...GUESS, width: speed.width };
  const files = added.length + updated.length;
  const perDocument = known.ms / known.documents;
  const perByte = known.ms / Math.max(1, known.bytes);
  return Math.ceil(Math.max(files * perDocument, bytes * perByte) / known.width / 1000);
}
