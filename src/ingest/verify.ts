import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../errors.ts';
import type { Store } from '../store/store.ts';
import type { Catalogue, LedgerDocument } from './catalogue.ts';
import type { Folders } from './folders.ts';
import { isOf, type Inbox } from './inbox.ts';
import type { Queue } from './queue.ts';
import { walk } from './scan.ts';
import { openInside } from './take.ts';
import { DOCUMENT_JOB } from './worker.ts';

/** Something that is not as it was promised. `document` is null where no single one is at fault. */
export interface Finding {
  document: string | null;
  uri: string | null;
  problem: string;
}

export interface Verified {
  documents: number;
  files: number;
  /** Files whose content was read and hashed again. */
  hashed: number;
  findings: Finding[];
}

export interface VerifyParts {
  inbox: Inbox;
  folders: Folders;
  /** Folder that holds what was sent. */
  uploads: string;
  catalogue: Catalogue;
  queue: Queue;
  /** What is wrong with the database file, a line each. */
  integrity: () => string[];
  store: Store;
}

const PAGE = 500;
const BUSY: ReadonlySet<string> = new Set(['seen', 'waiting', 'working']);

/**
 * Compares the folder, the ledger and the store, and changes nothing: every file has one row, every row is in an end
 * state or has a job, every searchable document has exactly its chunks in the store, and nothing else is there.
 * With `deep` every file is read and hashed again. What changes meanwhile may be found out of step: ask when it is quiet.
 */
export function createVerify(parts: VerifyParts) {
  const { catalogue, store } = parts;

  async function documentsOf(check: (document: LedgerDocument) => Promise<string | undefined>) {
    const findings: Finding[] = [];
    let documents = 0;
    for (let after = ''; ;) {
      const page = catalogue.list({ after, limit: PAGE });
      for (const document of page) {
        const problem = await check(document);
        if (problem !== undefined) findings.push({ document: document.id, uri: document.uri, problem });
      }
      documents += page.length;
      const last = page.at(-1);
      if (!last) return { findings, documents };
      after = last.id;
    }
  }

  async function checkOne(document: LedgerDocument): Promise<string | undefined> {
    if (BUSY.has(document.state)) return checkBusy(document);
    const { chunks, vectors } = await store.count(document.id);
    if (chunks !== document.chunks || vectors !== document.vectors)
      return `The ledger counts ${document.chunks} chunks and ${document.vectors} vectors, the store has ${chunks} and ${vectors}.`;
    if (document.state === 'searchable' ? chunks === 0 : chunks > 0)
      return `It is ${document.state}, and the store has ${chunks} chunks of it.`;
    if (document.state === 'failed' && document.error === null) return 'It failed, and nothing says why.';
    return undefined;
  }

  /** A file that was seen and is not quiet yet has no job; everything else that is not done has one. */
  function checkBusy({ id, source, state }: LedgerDocument): string | undefined {
    if (parts.queue.has(DOCUMENT_JOB, id) || (source === 'inbox' && state === 'seen')) return undefined;
    return `It is ${state}, and no job waits for it.`;
  }

  /** Damage of the file itself: torn pages, indexes that disagree with their tables. */
  function checkDatabase(): Finding[] {
    const problems = parts.integrity();
    return problems.map((problem) => ({
      document: null,
      uri: null,
      problem: `The database is damaged: ${problem}`,
    }));
  }

  async function checkTotals(): Promise<Finding[]> {
    const { chunks, vectors } = await store.recount();
    const kept = await store.totals();
    const counted = catalogue.totalChunks();
    const problems: string[] = [];
    if (chunks !== counted)
      problems.push(`The store has ${chunks} chunks, the documents of the ledger ${counted}.`);
    if (chunks !== kept.chunks || vectors !== kept.vectors)
      problems.push(
        `The store has ${chunks} chunks and ${vectors} vectors, and says ${kept.chunks} and ${kept.vectors}; it counts anew by itself within six hours.`,
      );
    return problems.map((problem) => ({ document: null, uri: null, problem }));
  }

  /** Every file has its row, and the row knows this state of the file. */
  async function checkFiles(): Promise<{ files: number; findings: Finding[] }> {
    const found = await walk(parts.inbox.root, parts.folders);
    const rows = new Map(catalogue.inboxRows().map((row) => [row.uri, row]));
    const findings: Finding[] = [];
    for (const [uri, path] of found.files) {
      const row = rows.get(uri);
      rows.delete(uri);
      const look = await parts.inbox.look(path, { walked: true });
      if (look.kind === 'absent') continue;
      if (!row) findings.push({ document: null, uri, problem: 'The file has no row in the ledger.' });
      else if (!BUSY.has(row.state) && row.signature !== null && !isOf(row.signature, look.signature))
        findings.push({
          document: row.id,
          uri,
          problem: 'The file has changed, and the ledger does not know.',
        });
    }
    for (const { id, uri } of rows.values())
      findings.push({
        document: id,
        uri,
        problem: 'The ledger has a row for it, and the folder has no file.',
      });
    return { files: found.files.size, findings };
  }

  /** What was sent has its bytes, and there are no other bytes. */
  async function checkUploads(): Promise<Finding[]> {
    const kept = new Set(await readdir(parts.uploads));
    const { findings } = await documentsOf(async ({ source, state, id }) => {
      if (source !== 'upload') return undefined;
      if (!kept.delete(id) && state !== 'gone')
        return 'Its bytes are missing from the folder of what was sent.';
      return undefined;
    });
    for (const name of kept)
      findings.push({
        document: null,
        uri: null,
        problem: `${join(parts.uploads, name)} belongs to no document.`,
      });
    return findings;
  }

  async function checkHash(document: LedgerDocument): Promise<string | undefined> {
    if (document.hash === null || BUSY.has(document.state) || document.state === 'gone') return undefined;
    try {
      const hash = await hashOf(parts, document);
      return hash === document.hash ? undefined : 'Its bytes are others than those that were read.';
    } catch (error) {
      return `Its bytes cannot be read: ${messageOf(error)}`;
    }
  }

  return async function verify({ deep = false } = {}): Promise<Verified> {
    const { documents, findings } = await documentsOf(checkOne);
    const { files, findings: ofFiles } = await checkFiles();
    const all = [
      ...checkDatabase(),
      ...findings,
      ...ofFiles,
      ...(await checkUploads()),
      ...(await checkTotals()),
    ];
    if (!deep) return { documents, files, hashed: 0, findings: all };
    const hashed = await documentsOf(checkHash);
    return { documents, files, hashed: hashed.documents, findings: [...all, ...hashed.findings] };
  };
}

async function hashOf({ inbox, uploads }: VerifyParts, document: LedgerDocument): Promise<string> {
  const [root, path] =
    document.source === 'inbox'
      ? [inbox.root, inbox.full(document.path)]
      : [uploads, Buffer.from(join(uploads, document.id))];
  const handle = await openInside(root, path);
  const hash = createHash('sha256');
  for await (const part of handle.createReadStream({ highWaterMark: 1 << 20 })) hash.update(part);
  return hash.digest('hex');
}
