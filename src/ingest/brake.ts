import type { Log } from '../log.ts';

export interface BrakeOptions {
  /** More than this share of the inbox's documents is not forgotten at once without being confirmed; 1 is no brake. */
  share: number;
  /** Up to this many are forgotten whatever their share, so that a small folder can be emptied. */
  always: number;
  /** Absences are judged together when no other came for this long, ms. */
  gatherMs: number;
  /** Documents forgotten within this time count together, so that a slow deletion is one deletion, ms. */
  windowMs: number;
}

export interface BrakeParts {
  /** Documents of the inbox that are not gone. */
  count: () => number;
  /** Whether the document at this uri is still missing: its row is there and its file is not. */
  isMissing: (uri: string) => Promise<boolean>;
  forget: (uri: string) => Promise<void>;
  log: Log;
}

/**
 * Stands between "the file is not there" and forgetting it: a disk that is not mounted looks like an empty
 * folder. What goes over the share is held, stays searchable, and waits until somebody confirms it or the
 * files are back. Nothing held survives a restart; the first scan finds it missing again.
 */
export function createBrake(options: BrakeOptions, parts: BrakeParts) {
  const { log } = parts;
  const gathered = new Set<string>();
  const held = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let judging: Promise<void> = Promise.resolve();
  let judged = 0;
  let window = { since: -Infinity, forgotten: 0 };

  function add(uri: string): void {
    if (held.has(uri)) return;
    gathered.add(uri);
    clearTimeout(timer);
    timer = setTimeout(() => void judgeNow(), options.gatherMs);
  }

  function judgeNow(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    judging = judging.then(judge).catch((error: unknown) => {
      log.error({ err: error }, 'absent files could not be judged; the next scan finds them again');
    });
    return judging;
  }

  async function judge(): Promise<void> {
    const uris = [...held, ...gathered];
    gathered.clear();
    judged = uris.length;
    try {
      const missing = await stillMissing(uris);
      held.clear();
      if (isTooMany(missing.length)) hold(missing);
      else await forgetAll(missing);
    } finally {
      judged = 0;
    }
  }

  async function stillMissing(uris: readonly string[]): Promise<string[]> {
    const missing: string[] = [];
    for (const uri of uris) if (await parts.isMissing(uri)) missing.push(uri);
    return missing;
  }

  function isTooMany(missing: number): boolean {
    if (performance.now() - window.since > options.windowMs)
      window = { since: performance.now(), forgotten: 0 };
    const all = missing + window.forgotten;
    const known = parts.count() + window.forgotten;
    return all > options.always && all > options.share * known;
  }

  function hold(missing: readonly string[]): void {
    for (const uri of missing) held.add(uri);
    log.error(
      { missing: missing.length, documents: parts.count() },
      'so many files are missing at once that nothing is forgotten: bring them back, or confirm with `limner forget`',
    );
  }

  async function forgetAll(missing: readonly string[]): Promise<void> {
    window.forgotten += missing.length;
    for (const uri of missing) await parts.forget(uri);
  }

  return {
    add,
    /** Documents whose files are missing and that are kept until it is confirmed. */
    held: () => held.size,
    /** Absences that are not judged yet. */
    pending: () => gathered.size + judged,
    /** Looks again at what is held: files may be back, or may have been found elsewhere. */
    recheck: (): Promise<void> => (held.size > 0 ? judgeNow() : judging),
    /** Somebody says that the files are meant to be gone. Returns how many documents are forgotten. */
    async confirm(): Promise<number> {
      await judging;
      // What was found missing and is not judged yet is meant too.
      const missing = await stillMissing([...held, ...gathered]);
      held.clear();
      gathered.clear();
      await forgetAll(missing);
      return missing.length;
    },
    async close(): Promise<void> {
      clearTimeout(timer);
      await judging;
    },
  };
}
