import type { JobState } from './job.ts';

/** Which jobs are wanted; what is left out does not matter. */
export interface JobQuery {
  /** Jobs older than the one of this number. */
  before?: number | undefined;
  states?: readonly JobState[];
  workflow?: string | undefined;
  /** Jobs that made a file of this kind. */
  kind?: string | undefined;
  /** Jobs that illustrate something of this collection. */
  collection?: string | undefined;
  /** Every one of these words is in an input, in a passage or its title, or in the name of the workflow. */
  words?: readonly string[];
  limit: number;
}

type Condition = [sql: string, ...values: (string | number)[]];

/** JSON is taken apart only where its text has the word at all, which is five times as fast. */
const HAS_WORD = `(workflow like ? escape '\\'
  or (inputs like ? escape '\\' or passages like ? escape '\\')
  and (exists (select 1 from json_each(inputs) where value like ? escape '\\')
    or exists (select 1 from json_each(passages)
      where value ->> '$.text' like ? escape '\\' or value ->> '$.title' like ? escape '\\')))`;

/** The SQL that finds them, newest first, with its values. */
export function selectJobs({ before, states, workflow, kind, collection, words = [], limit }: JobQuery) {
  const conditions: Condition[] = [['1']];
  if (before !== undefined) conditions.push(['number < ?', before]);
  if (states) conditions.push([`state in (${states.map(() => '?').join(', ')})`, ...states]);
  if (workflow !== undefined) conditions.push(['workflow = ?', workflow]);
  if (kind !== undefined)
    conditions.push([`exists (select 1 from json_each(outputs) where value ->> '$.kind' = ?)`, kind]);
  if (collection !== undefined)
    conditions.push([
      `exists (select 1 from json_each(passages) where value ->> '$.collection' = ?)`,
      collection,
    ]);
  for (const word of words) {
    const plain = containing(word);
    const inJson = containing(JSON.stringify(word).slice(1, -1));
    conditions.push([HAS_WORD, plain, inJson, inJson, plain, plain, plain]);
  }
  const wanted = conditions.map(([sql]) => sql).join(' and ');
  return {
    sql: `select * from image_job where ${wanted} order by number desc limit ?`,
    values: [...conditions.flatMap(([, ...values]) => values), limit],
  };
}

/** A pattern for LIKE. */
function containing(text: string): string {
  return `%${text.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`;
}
