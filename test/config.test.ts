import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Environment, parseConfig } from '../src/config.ts';

const parse = (environment: Record<string, string>) => parseConfig(environment, '/base');

/** The lines of the message under its head, without their indent. */
function problemsOf(environment: Record<string, string>): string[] {
  try {
    parse(environment);
  } catch (error) {
    expect(error).toMatchObject({ code: 'invalid_config' });
    return String(error)
      .split('\n')
      .slice(1)
      .map((line) => line.trim());
  }
  return [];
}

describe('parseConfig', () => {
  it('needs nothing', () => {
    expect(parse({})).toMatchObject({
      host: '127.0.0.1',
      port: 8400,
      inbox: '/base/inbox',
      data: '/base/data',
      publicUrl: undefined,
      apiKeys: [],
      settleMs: 2000,
      scanMs: 120_000,
      ollama: { host: 'http://127.0.0.1:11434' },
    });
  });

  it('takes an empty or blank variable for one that is not set', () => {
    const blank = (value: string) =>
      Object.fromEntries(Object.keys(Environment.shape).map((name) => [name, value]));
    expect(parse(blank(''))).toEqual(parse({}));
    expect(parse(blank('  '))).toEqual(parse({}));
  });

  it('tells every problem at once', () => {
    const problems = problemsOf({
      LIMNER_PORT: 'eighty',
      LIMNER_PUBLIC_URL: 'ftp://example.org',
      LIMNER_LOG_LEVEL: 'loud',
    });
    expect(problems.map((line) => line.slice(0, line.indexOf(':'))).toSorted()).toEqual([
      'LIMNER_LOG_LEVEL',
      'LIMNER_PORT',
      'LIMNER_PUBLIC_URL',
    ]);
  });

  it.each(['0.0.0.0', '::', '192.168.1.5', 'example.org', '127.0.0.1.example.org'])(
    'knows that %s can be reached by others',
    (LIMNER_HOST) => {
      expect(parse({ LIMNER_HOST }).isExposed).toBe(true);
      expect(parse({ LIMNER_HOST, LIMNER_API_KEYS: 'a, b' }).apiKeys).toEqual(['a', 'b']);
    },
  );

  it.each(['127.0.0.1', '127.1.2.3', '::1', 'localhost'])(
    'knows that %s is the machine itself',
    (LIMNER_HOST) => {
      expect(parse({ LIMNER_HOST }).isExposed).toBe(false);
    },
  );

  it.each([
    ['LIMNER_PORT', ['-1', '65536', '80.5', 'x', 'NaN']],
    ['LIMNER_SETTLE_SECONDS', ['-1', 'x', 'Infinity', '3000000']],
    ['LIMNER_SCAN_SECONDS', ['0', 'x', '3000000']],
    ['LIMNER_EXTRACT_SECONDS', ['0', '3000000']],
    ['LIMNER_WORKERS', ['-1', '65', '1.5']],
    ['LIMNER_EXTRACT_MEMORY_MB', ['63', '70000']],
    ['LIMNER_MAX_FILE_MB', ['0', '-5', 'Infinity']],
    ['LIMNER_MAX_TEXT_CHARACTERS', ['999', '100000001']],
    ['LIMNER_PUBLIC_URL', ['example.org', 'javascript:alert(1)', 'file:///etc']],
  ])('refuses %s out of range', (name, values) => {
    for (const value of values)
      expect(problemsOf({ [name]: value }), value).toEqual([expect.stringContaining(`${name}: `)]);
  });

  it('has units of its own: ms and bytes, absolute paths, no slash at the end of the address', () => {
    const config = parse({
      LIMNER_SETTLE_SECONDS: '0.5',
      LIMNER_MAX_FILE_MB: '2',
      LIMNER_INBOX: '../docs',
      LIMNER_DATA: '/var/lib/limner',
      LIMNER_PUBLIC_URL: 'https://example.org/limner/',
    });
    expect(config).toMatchObject({ settleMs: 500, inbox: '/docs', data: '/var/lib/limner' });
    expect(config).toMatchObject({ publicUrl: 'https://example.org/limner' });
    expect(config.extract.maxFileBytes).toBe(2 * 1024 * 1024);
  });
});

describe('the lists of settings', () => {
  const names = Object.keys(Environment.shape).toSorted();

  /** Settings that `pattern` finds in a file of the repository's root, each as often as it stands there. */
  function listed(file: string, pattern: RegExp): string[] {
    const path = fileURLToPath(new URL(`../${file}`, import.meta.url));
    expect(existsSync(path), `${file} is there`).toBe(true);
    return [...readFileSync(path, 'utf8').matchAll(pattern)].map(([, name]) => name ?? '').toSorted();
  }

  it('in README.md has every setting once', () => {
    expect(listed('README.md', /^\| `([A-Z][A-Z0-9_]+)` \|/gm)).toEqual(names);
  });

  it('in .env.example has every setting once', () => {
    expect(listed('.env.example', /^#?\s?([A-Z][A-Z0-9_]+)=/gm)).toEqual(names);
  });
});
