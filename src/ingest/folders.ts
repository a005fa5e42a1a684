import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import ignore, { type Ignore } from 'ignore';
import { messageOf, systemCode } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Database } from '../sqlite.ts';
import { ignoredBecause } from './ignore.ts';
import { collectionOf, DEFAULT_COLLECTION } from './inbox.ts';
import { mergePolicies, NO_POLICY, parsePolicy, type Effective, type Policy } from './policy.ts';

/** Names patterns of files that are not read, in gitignore's syntax, for what lies below its folder. */
export const IGNORE_FILE = '.limnerignore';
/** Says how the files below its folder are treated. */
export const POLICY_FILE = '.limner.yaml';

const OURS = 'the data folder of Limner';

/** Larger settings files are a mistake. */
const MAX_BYTES = 256 * 1024;

/** The last good text of each settings file: a bad one, or a restart, does not change what holds. */
const SCHEMA = [
  `create table folder_settings(
     folder text not null, name text not null, text text not null, primary key(folder, name)
   ) without rowid;`,
];

/** A settings file that cannot be used, for the status and the log. */
export interface SettingsProblem {
  /** Path relative to the inbox. */
  file: string;
  line: number | null;
  message: string;
}

export function isSettingsFile(uri: string): boolean {
  const name = uri.slice(uri.lastIndexOf('/') + 1);
  return name === IGNORE_FILE || name === POLICY_FILE;
}

export type Folders = ReturnType<typeof createFolders>;

/** What the people who own the folders say about them, in files that lie there. Read by every scan. */
export function createFolders({
  database,
  log,
  dataFolder,
}: {
  database: Database;
  log: Log;
  /** Where Limner writes, relative to the inbox, where it lies inside: nothing of it is a document. */
  dataFolder?: string | undefined;
}) {
  database.migrate('folders', SCHEMA);
  const texts = new Map<string, string>();
  const rules = new Map<string, Ignore>();
  const policies = new Map<string, Policy>();
  const problems = new Map<string, SettingsProblem>();
  let effective = new Map<string, Effective>();

  for (const row of database.read.all<{ folder: string; name: string; text: string }>(
    'select folder, name, text from folder_settings',
  ))
    use(row.folder, row.name, row.text);

  /** Takes a text into force; false, with the problem noted, when it cannot be used. */
  function use(folder: string, name: string, text: string): boolean {
    const file = join(folder, name);
    if (name === IGNORE_FILE) rules.set(folder, ignore({ allowRelativePaths: true }).add(text));
    else {
      const parsed = parsePolicy(text);
      if ('problem' in parsed) return note({ file, ...parsed.problem });
      policies.set(folder, parsed.policy);
    }
    texts.set(file, text);
    problems.delete(file);
    effective = new Map();
    return true;
  }

  function note(problem: SettingsProblem): false {
    const known = problems.get(problem.file);
    if (known?.message !== problem.message || known.line !== problem.line)
      log.warn({ ...problem }, 'a settings file cannot be used; what it said before stays in force');
    problems.set(problem.file, problem);
    return false;
  }

  /** Reads one settings file that a walk has found at `path`, an absolute one. */
  async function read(folder: string, name: string, path: Buffer): Promise<void> {
    const file = join(folder, name);
    try {
      const text = await readSmall(path);
      if (texts.get(file) === text && !problems.has(file)) return;
      if (texts.get(file) !== text && use(folder, name, text)) await keep(folder, name, text);
      else if (texts.get(file) === text) problems.delete(file);
    } catch (error) {
      if (systemCode(error) === undefined && !(error instanceof RangeError)) throw error;
      note({ file, line: null, message: messageOf(error) });
    }
  }

  const keep = (folder: string, name: string, text: string): Promise<void> =>
    database.write((connection) => {
      connection.run('insert or replace into folder_settings values (?, ?, ?)', folder, name, text);
    });

  async function drop(file: string): Promise<void> {
    const slash = file.lastIndexOf('/');
    const folder = slash === -1 ? '' : file.slice(0, slash);
    (file.endsWith(IGNORE_FILE) ? rules : policies).delete(folder);
    texts.delete(file);
    problems.delete(file);
    effective = new Map();
    await database.write((connection) => {
      connection.run(
        'delete from folder_settings where folder = ? and name = ?',
        folder,
        file.slice(slash + 1),
      );
    });
  }

  /** Forgets what is not there any more; below folders that could not be read nothing is believed absent. */
  async function dropMissing(found: ReadonlySet<string>, isUnread: (uri: string) => boolean): Promise<void> {
    const gone = [...texts.keys(), ...problems.keys()].filter((file) => !found.has(file) && !isUnread(file));
    for (const file of gone) await drop(file);
  }

  const isOurs = (uri: string): boolean =>
    dataFolder !== undefined && (uri === dataFolder || uri.startsWith(`${dataFolder}/`));

  /** The reason of the deepest rule that speaks of this path itself, its folders not asked. */
  function ruleFor(uri: string, isFolder: boolean): string | undefined {
    if (isOurs(uri)) return OURS;
    if (rules.size === 0) return undefined;
    for (let folder: string | undefined = parentOf(uri); folder !== undefined; folder = parentOf(folder)) {
      const path = uri.slice(folder === '' ? 0 : folder.length + 1) + (isFolder ? '/' : '');
      const result = rules.get(folder)?.test(path);
      if (result?.ignored) return `named by ${join(folder, IGNORE_FILE)} (${result.rule?.pattern ?? ''})`;
      if (result?.unignored) return undefined;
    }
    return undefined;
  }

  function policyOf(folder: string | undefined): Effective {
    if (policies.size === 0 || folder === undefined) return NO_POLICY;
    let known = effective.get(folder);
    if (!known) effective.set(folder, (known = mergePolicies(above(folder))));
    return known;
  }

  function above(folder: string): Policy[] {
    const found: Policy[] = [];
    for (let at: string | undefined = folder; at !== undefined; at = parentOf(at)) {
      const policy = policies.get(at);
      if (policy) found.unshift(policy);
    }
    return found;
  }

  return {
    /** A walk enters `folder` and finds settings files there, by their names; their paths are absolute. */
    async enter(folder: string, found: ReadonlyMap<string, Buffer>): Promise<void> {
      for (const name of [IGNORE_FILE, POLICY_FILE]) {
        const path = found.get(name);
        const file = join(folder, name);
        if (path) await read(folder, name, path);
        else if (texts.has(file) || problems.has(file)) await drop(file);
      }
    },
    dropMissing,
    ruleFor,

    /** Why a file is not looked at; undefined when it is. */
    ignores(uri: string): string | undefined {
      const builtIn = isOurs(uri) ? OURS : ignoredBecause(uri);
      if (builtIn !== undefined || rules.size === 0) return builtIn;
      for (let slash = uri.indexOf('/'); slash !== -1; slash = uri.indexOf('/', slash + 1)) {
        const reason = ruleFor(uri.slice(0, slash), true);
        if (reason !== undefined) return reason;
      }
      return ruleFor(uri, false);
    },

    /** What holds for the file at `uri`. */
    policy: (uri: string): Effective => policyOf(parentOf(uri)),

    collection: (uri: string): string => policyOf(parentOf(uri)).collection ?? collectionOf(uri),

    /** Whether the owners of a collection want pictures beside answers from it. */
    illustrates(collection: string): boolean {
      const own = collection === DEFAULT_COLLECTION ? '' : collection;
      const folders = [own, ...policies.keys()].map(policyOf);
      return folders.some(
        (policy, at) => policy.illustrate && (at === 0 || policy.collection === collection),
      );
    },

    problems: (): SettingsProblem[] => [...problems.values()],
  };
}

/** Undefined above the inbox itself, whose uri is empty. */
function parentOf(uri: string): string | undefined {
  if (uri === '') return undefined;
  const slash = uri.lastIndexOf('/');
  return slash === -1 ? '' : uri.slice(0, slash);
}

function join(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`;
}

/** Neither follows a link nor waits for a pipe. Throws what the system throws, or a RangeError. */
async function readSmall(path: Buffer): Promise<string> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw new RangeError('It is not a regular file.');
    if (stats.size > MAX_BYTES) throw new RangeError(`It has more than ${MAX_BYTES / 1024} KiB.`);
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}
