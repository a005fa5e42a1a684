import type { Database } from '../sqlite.ts';

/** Forgets a job of a picture; resolves to the ids of its files that no other job made or was given. */
export function forgetJob(database: Database, id: string): Promise<string[]> {
  return database.write((connection) => {
    const files = connection.all<{ file: string }>(
      `select json_extract(value, '$.id') as file from image_job, json_each(outputs) where image_job.id = ?`,
      id,
    );
    connection.run('delete from image_job where id = ?', id);
    const needed = 'select 1 from image_job where instr(outputs, ?) or instr(inputs, ?) limit 1';
    return files.map(({ file }) => file).filter((file) => !connection.get(needed, file, file));
  });
}
