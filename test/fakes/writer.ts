/** A process that drops many small files: `node writer.ts FOLDER NUMBER COUNT`, its files named by its number. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [root = '', number = '', count = ''] = process.argv.slice(2);

for (let file = 0; file < Number(count); file++) {
  const folder = join(root, `shelf-${file % 25}`, `writer-${number}`);
  mkdirSync(folder, { recursive: true });
  const name = `${file}.${file % 2 ? 'txt' : 'md'}`;
  const text = `Entry ${file} of clerk ${number}.\n\nThe seal reads zq${number}x${file}.\n`;
  // Every third one as careful programs do: written beside, then renamed.
  if (file % 3 === 0) {
    writeFileSync(join(folder, `.${name}.tmp`), text);
    renameSync(join(folder, `.${name}.tmp`), join(folder, name));
  } else writeFileSync(join(folder, name), text);
}
