import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ERRORS, LimnerError, messageOf, systemCode } from '../src/errors.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** `| \`code\` | status | yes or no | ...` */
const ROW = /^\| `([a-z_]+)` \| (\d{3}) \| (yes|no)\b/gm;

const documented = [...readFileSync(join(ROOT, 'docs/errors.md'), 'utf8').matchAll(ROW)].map(
  ([, code, status, retry]) => ({ code, status: Number(status), retry: retry === 'yes' }),
);

const sources = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => ({ path, text: readFileSync(join(ROOT, 'src', path), 'utf8') }));

const others = sources.filter(({ path }) => path !== 'errors.ts');

describe('the codes', () => {
  it('are explained in docs/errors.md, each once, with the same status and rule', () => {
    const known = Object.entries(ERRORS).map(([code, { status, retry }]) => ({ code, status, retry }));
    expect(documented).toEqual(known);
  });

  it.each(Object.keys(ERRORS))('%s is used in src', (code) => {
    expect(others.filter(({ text }) => text.includes(`'${code}'`)).map(({ path }) => path)).not.toEqual([]);
  });

  it('that are thrown are all known', () => {
    const thrown = sources.flatMap(({ text }) =>
      [...text.matchAll(/new LimnerError\(\s*'([^']+)'/g)].map(([, code]) => code ?? ''),
    );
    expect(thrown.length).toBeGreaterThan(30);
    expect(thrown.filter((code) => !(code in ERRORS))).toEqual([]);
  });
});

describe('LimnerError', () => {
  it('knows its status and whether trying again can help', () => {
    const error = new LimnerError('disk_full', 'No room.', { cause: 'x', param: 'file' });
    expect(error).toMatchObject({
      status: 507,
      retryable: true,
      param: 'file',
      cause: 'x',
      name: 'LimnerError',
    });
    expect(new LimnerError('corrupt', 'Broken.')).toMatchObject({ status: 422, retryable: false });
    expect('cause' in new LimnerError('corrupt', 'Broken.')).toBe(false);
  });

  it('reads the system code of Node errors only', () => {
    expect(systemCode(Object.assign(new Error('x'), { code: 'ENOENT' }))).toBe('ENOENT');
    expect(systemCode(Object.assign(new Error('x'), { code: 7 }))).toBeUndefined();
    expect(systemCode({ code: 'ENOENT' })).toBeUndefined();
    expect([messageOf(new Error('words')), messageOf('words')]).toEqual(['words', 'words']);
  });
});
