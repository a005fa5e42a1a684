import { setTimeout as after } from 'node:timers/promises';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Connection, Database } from '../sqlite.ts';
import { createBrake } from './brake.ts';
import type { Catalogue } from './catalogue.ts';
import { isSettingsFile, type Folders } from './folders.ts';
import { fileNameOf, uriOf, type Inbox, type Look } from './inbox.ts';
import { PRIORITY, priorityOf, type Queue } from './queue.ts';
import { isUnread, walk, type Walk } from './scan.ts';
import { createSettleTracker, type Settled } from './settle.ts';
import { watchModeOf, type WatchMode } from './watch-mode.ts';
import { watchInbox } from './watch.ts';
import { DOCUMENT_JOB } from './worker.ts';

export interface ArrivalOptions {
  /** How long a file must be quiet before it is read, ms. */
  settleMs: number;
  /** Between two scans at least, ms; a scan that takes long waits twenty times as long as it took. */
  scanMs: number;
  watch: 'auto' | 'events' | 'polling';
  /** Instead of `scanMs` where events do not arrive, ms. */
  pollInboxMs: number;
  /** More than this share of the documents is not forgotten at once without being confirmed. */
  forgetShare: number;
}

export interface ArrivalParts {
  inbox: Inbox;
  folders: Folders;
  /** What would make the chunks of the file at `uri` now: a document of another recipe is made again. */
  recipeOf: (uri: string) => string;
  database: Database;
  catalogue: Catalogue;
  queue: Queue;
  log: Log;
}

/** So many documents may always be forgotten: a small folder can be emptied. */
const ALWAYS_FORGET = 20;
const FORGET_WINDOW_MS = 60_000;

type InboxRow = ReturnType<Catalogue['inboxRows']>[number];

/** Files of a walk that are looked at side by side. */
const LOOKS = 64;

export type Arrivals = ReturnType<typeof createArrivals>;

/** Events and scans feed one settle tracker; what settled is enqueued together with its ledger row. */
export function createArrivals(options: ArrivalOptions, parts: ArrivalParts) {
  const { inbox, folders, database, catalogue, queue, log } = parts;
  const stop = new AbortController();
  const tracker = createSettleTracker({
    quietMs: options.settleMs,
    look: inbox.look,
    onSeen,
    onSettled,
    onError: (uri, error) => log.warn({ uri, reason: messageOf(error) }, 'cannot look at a path'),
  });
  const brake = createBrake(
    {
      share: options.forgetShare,
      always: ALWAYS_FORGET,
      gatherMs: options.settleMs,
      windowMs: FORGET_WINDOW_MS,
    },
    { count: catalogue.countInbox, isMissing, forget: submitAbsent, log },
  );
  let unwatch: (() => Promise<void>) | undefined;
  let scanning: Promise<void> | undefined;
  let last: { walk: Walk; ms: number } | undefined;
  let offline: string | undefined;
  let wanted = false;
  let watching: WatchMode = { mode: 'events', reason: null };

  function observe(path: Uint8Array): void {
    const uri = uriOf(path);
    if (isSettingsFile(uri)) return scanAgain();
    if (uri === '' || folders.ignores(uri) !== undefined || tracker.has(uri)) return;
    tracker.observe(uri, path);
  }

  function onSeen({ uri, path, look }: Settled): void {
    if (look.kind === 'absent' || catalogue.find('inbox', uri)) return;
    // Without its row the file is only not listed yet: what settles is written again.
    database
      .write((connection) => see(connection, uri, path, look.bytes))
      .catch((error: unknown) => log.warn({ uri, reason: messageOf(error) }, 'a new file is not listed yet'));
  }

  async function onSettled({ uri, path, look }: Settled): Promise<void> {
    if (look.kind === 'absent') return brake.add(uri);
    const known = catalogue.find('inbox', uri);
    const isSame = known !== undefined && isDone(known.state) && known.signature === look.signature;
    if (isSame && known.recipe === parts.recipeOf(uri)) return;
    // Until then it answers as it is.
    await submit(uri, path, look.bytes, isSame ? PRIORITY.again : priorityOf(look.bytes));
  }

  async function isMissing(uri: string): Promise<boolean> {
    const known = catalogue.find('inbox', uri);
    return known !== undefined && known.state !== 'gone' && (await inbox.look(known.path)).kind === 'absent';
  }

  /** Absence is believed only while the inbox itself is there. */
  async function submitAbsent(uri: string): Promise<void> {
    const known = catalogue.find('inbox', uri);
    if (!known || known.state === 'gone' || !(await inbox.online())) return;
    // By its id, not its place: it may have moved since, and the old place must not get a row of its own.
    await database.write((connection) => enqueue(connection, known.id, PRIORITY.gone));
    catalogue.announce(known.id);
    queue.wake();
  }

  /** The ledger row and its job are written together. Returns the document's id. */
  async function submit(
    uri: string,
    path: Uint8Array,
    bytes: number,
    priority = priorityOf(bytes),
  ): Promise<string> {
    const id = await database.write((connection) => {
      const seen = see(connection, uri, path, bytes);
      enqueue(connection, seen, priority);
      return seen;
    });
    catalogue.announce(id);
    queue.wake();
    return id;
  }

  function enqueue(connection: Connection, id: string, priority: number): void {
    const known = connection.get<{ state: string }>('select state from document where id = ?', id);
    if (known?.state !== 'working') catalogue.set(connection, id, { state: 'waiting' });
    queue.enqueue(connection, { kind: DOCUMENT_JOB, key: id, priority });
  }

  const see = (connection: Connection, uri: string, path: Uint8Array, bytes: number) =>
    catalogue.see(connection, {
      source: 'inbox',
      uri,
      path,
      title: fileNameOf(uri),
      collection: folders.collection(uri),
      bytes,
    });

  /** Compares the folder, or what a walk just found, with the ledger, for the settle tracker. Scans never overlap. */
  function scan(walked?: Walk): Promise<void> {
    scanning ??= scanOnce(walked).finally(() => {
      scanning = undefined;
      if (wanted && !stop.signal.aborted) scanAgain();
    });
    return scanning;
  }

  /** A scan that begins from now on: one under way may have passed what changed. */
  function scanAgain(): void {
    wanted = scanning !== undefined;
    if (!wanted) void scan();
  }

  async function scanOnce(walked?: Walk): Promise<void> {
    const since = performance.now();
    try {
      const found = walked ?? (await walk(inbox.root, folders));
      await folders.dropMissing(found.settings, (uri) => isUnread(found, uri));
      await compare(found);
      await brake.recheck();
      last = { walk: found, ms: performance.now() - since };
      offline = undefined;
    } catch (error) {
      offline = messageOf(error);
      log.error({ reason: offline }, 'the inbox cannot be scanned; nothing is forgotten meanwhile');
    }
    for (const [folder, reason] of last?.walk.unread ?? [])
      log.warn({ folder, reason }, 'folder cannot be read');
  }

  async function compare(found: Walk): Promise<void> {
    const rows = new Map(catalogue.inboxRows().map((row) => [row.uri, row]));
    const files = [...found.files];
    for (let at = 0; at < files.length; at += LOOKS)
      await Promise.all(
        files.slice(at, at + LOOKS).map(([uri, path]) => compareFile(uri, path, rows.get(uri))),
      );
    for (const [uri, row] of rows)
      if (!found.files.has(uri) && !isUnread(found, uri)) tracker.observe(uri, row.path);
  }

  async function compareFile(uri: string, path: Uint8Array, row: InboxRow | undefined): Promise<void> {
    if (tracker.has(uri)) return;
    const look = await inbox.look(path, { walked: true });
    if (look.kind === 'absent' || (row && !differs(row, look))) return;
    tracker.observe(uri, path, look);
  }

  function differs(row: InboxRow, look: Exclude<Look, { kind: 'absent' }>): boolean {
    if (row.state === 'waiting' || row.state === 'working') return false;
    return row.signature !== look.signature || row.recipe !== parts.recipeOf(row.uri);
  }

  async function scanNowAndThen(): Promise<void> {
    while (!stop.signal.aborted) {
      const distance = watching.mode === 'polling' ? options.pollInboxMs : options.scanMs;
      const pause = Math.max(distance, 20 * (last?.ms ?? 0));
      await after(pause, undefined, { signal: stop.signal }).catch(() => undefined);
      if (!stop.signal.aborted) await scan();
    }
  }

  let timer: Promise<void> | undefined;

  return {
    /** Resolves when the first scan has run and events are watched. */
    async start(): Promise<void> {
      watching = await watchModeOf(inbox.root, options.watch);
      if (watching.reason !== null) log.info({ reason: watching.reason }, 'the inbox is polled');
      else unwatch = await watchInbox(inbox.root, { onHint: observe, onTrouble: () => void scan(), log });
      await scan();
      timer = scanNowAndThen();
    },
    scan,
    submit,
    /** Paths whose files are not quiet yet. */
    settling: () => tracker.size() + brake.pending(),
    /** Forgets what the brake holds; resolves with the number of documents. */
    confirmForget: brake.confirm,
    state: () => ({
      offline,
      held: brake.held(),
      ignored: last?.walk.ignored ?? 0,
      unread: last?.walk.unread.size ?? 0,
      problems: folders.problems(),
      watching,
    }),
    async close(): Promise<void> {
      stop.abort();
      await unwatch?.();
      await Promise.all([timer, scanning]);
      await tracker.close();
      await brake.close();
    },
  };
}

function isDone(state: string): boolean {
  return state === 'searchable' || state === 'empty' || state === 'failed';
}
