import { decodeFile, detectCharset } from './charset.ts';
import { splitLines } from './lines.ts';
import type { Part, Processor } from './processor.ts';
import { createSectioner } from './sectioner.ts';
import type { SourceFile } from '../document.ts';

const PROSE = 'txt text log org';
const DATA = 'ini toml conf cfg diff patch';

/** Plain text of any kind, in any encoding, of any length: sections with their lines. */
export const text: Processor = {
  name: 'text',
  version: 2,
  kinds: ['text'],
  label: 'a text file',
  extensions: `${PROSE} ${DATA}`.split(' '),
  read,
};

async function* read(file: SourceFile): AsyncGenerator<Part> {
  const charset = await detectCharset(file.path);
  const sectioner = createSectioner();
  for await (const lines of splitLines(decodeFile(file.path, charset))) {
    for (const line of lines) sectioner.add(line);
    yield { sections: sectioner.take() };
  }
  yield { sections: sectioner.finish() };
}
