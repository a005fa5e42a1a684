import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createKeys, NewKey, type Keys } from '../api/keys.ts';
import { LimnerError } from '../errors.ts';
import type { Context } from '../command-line.ts';
import { openDatabase } from '../sqlite.ts';

const USAGE = `usage: limner keys add NAME [--scope read|write|admin]... [--collection NAME]... [--rate PER_MINUTE] [--expires ISO_TIME] [--sources markdown|events|fields]
       limner keys list
       limner keys revoke ID
`;

/** Who can write the data folder may make keys: no other key is needed, and a running service sees them at once. */
export async function keys({ config, args }: Context): Promise<number> {
  await mkdir(config.data, { recursive: true });
  const database = openDatabase(join(config.data, 'limner.sqlite'));
  try {
    return await run(createKeys(database), args);
  } finally {
    await database.close();
  }
}

async function run(keys: Keys, [what, ...rest]: string[]): Promise<number> {
  if (what === 'list') {
    const all = keys.list();
    for (const key of all) process.stdout.write(`${JSON.stringify(key)}\n`);
    if (all.length === 0) process.stderr.write('There are no keys; limner keys add NAME makes one.\n');
    return 0;
  }
  if (what === 'revoke' && rest[0] !== undefined) {
    await keys.revoke(rest[0]);
    return 0;
  }
  if (what !== 'add') {
    process.stderr.write(USAGE);
    return 2;
  }
  const { id, key } = await keys.add(wantedIn(rest));
  process.stdout.write(`${key}\n`);
  process.stderr.write(`This is shown once. Revoke it with: limner keys revoke ${id}\n`);
  return 0;
}

function wantedIn(args: string[]): NewKey {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      scope: { type: 'string', multiple: true },
      collection: { type: 'string', multiple: true },
      rate: { type: 'string' },
      expires: { type: 'string' },
      sources: { type: 'string' },
    },
  });
  const parsed = NewKey.safeParse({
    name: positionals.join(' '),
    scopes: values.scope,
    collections: values.collection,
    rate: values.rate === undefined ? undefined : Number(values.rate),
    expires_at: values.expires,
    sources: values.sources,
  });
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new LimnerError(
    'invalid_request',
    `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}\n${USAGE}`,
  );
}
