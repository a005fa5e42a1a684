import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { SourceFile } from '../document.ts';
import { LimnerError } from '../errors.ts';
import { LIMIT_SETTINGS, megabytes, type Limits } from './limits.ts';
import type { Extracted } from './pool.ts';
import { merge, type Member } from './processor.ts';

/** What all members of one file may take together, however deep they lie in each other. */
interface Budget {
  members: number;
  bytes: number;
  characters: number;
  until: number;
}

/** All members together may take so many times the time of one file. */
const TIMES = 5;

/** Reads one file in a child process; what it holds is given as `members`. */
export type ReadOne = (file: SourceFile) => Promise<Extracted & { members: Member[] }>;

/**
 * Reads a file and the files inside it: attachments, members of archives, and what those hold. Each is read in a
 * child process like a file of its own; its sections name it in `member`, and what fails becomes a warning.
 */
export async function readWithMembers(
  file: SourceFile,
  read: ReadOne,
  { limits, timeoutMs }: { limits: Limits; timeoutMs: number },
): Promise<Extracted> {
  const { members, ...extracted } = await read(file);
  if (members.length === 0) return extracted;
  const folder = await mkdtemp(join(tmpdir(), 'limner-members-'));
  const budget = {
    members: limits.archiveEntries,
    bytes: limits.archiveBytes,
    characters: limits.textCharacters,
    until: Date.now() + timeoutMs * TIMES,
  };
  try {
    await readMembers(members, [], { folder, budget, limits, read, extracted });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return extracted;
}

interface Reading {
  folder: string;
  budget: Budget;
  limits: Limits;
  read: ReadOne;
  extracted: Extracted;
}

async function readMembers(
  members: readonly Member[],
  path: readonly string[],
  reading: Reading,
): Promise<void> {
  const { budget, limits, extracted } = reading;
  for (const member of members) {
    const stop = spent(budget, limits, member);
    if (stop) {
      extracted.warnings.push(`${stop}; the rest of the files inside is not searchable.`);
      return;
    }
    await readMember(member, [...path, member.name], reading);
  }
}

/** Which limit the next member would go over, if any. */
function spent(budget: Budget, limits: Limits, member: Member): string | undefined {
  budget.members -= 1;
  budget.bytes -= member.bytes.length;
  if (budget.members < 0)
    return `There are more than ${limits.archiveEntries} files inside (${LIMIT_SETTINGS.archiveEntries})`;
  if (budget.bytes < 0)
    return `The files inside hold more than ${megabytes(limits.archiveBytes)} (${LIMIT_SETTINGS.archiveBytes})`;
  if (budget.characters <= 0)
    return `The files inside hold more text than is kept of one file (${LIMIT_SETTINGS.textCharacters})`;
  return Date.now() > budget.until ? 'The files inside take too long (LIMNER_EXTRACT_SECONDS)' : undefined;
}

/** Under a name of ours; that of the member is a label only. */
async function readMember(member: Member, path: readonly string[], reading: Reading): Promise<void> {
  const label = path.join('/');
  const file = {
    path: join(reading.folder, `member-${path.length}`),
    name: basename(member.name),
    bytes: member.bytes.length,
  };
  await writeFile(file.path, member.bytes);
  try {
    const { members, sections, warnings, ocr } = await reading.read(file);
    const placed = sections.map((section) => ({ ...member.place, ...section, member: label }));
    merge(reading.extracted, {
      sections: placed,
      ...(ocr && { ocr }),
      warnings: warnings.map((warning) => `${label}: ${warning}`),
    });
    reading.budget.characters -= sections.reduce((sum, { text }) => sum + text.length, 0);
    if (members.length === 0) return;
    if (path.length >= reading.limits.nesting)
      reading.extracted.warnings.push(`${label}: ${nestingWarning(reading.limits)}`);
    else await readMembers(members, path, reading);
  } catch (error) {
    // A file inside that cannot be read is told of and costs only itself.
    if (!(error instanceof LimnerError) || error.code === 'cancelled') throw error;
    reading.extracted.warnings.push(`${label}: ${error.message}`);
  }
}

function nestingWarning({ nesting }: Limits): string {
  return `Archives inside archives are read ${nesting} deep (${LIMIT_SETTINGS.nesting}).`;
}
