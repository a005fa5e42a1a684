import { describe, expect, it } from 'vitest';
import { createLog } from '../src/log.ts';

/** What a log writes while `use` uses it. */
function written(
  secrets: string[],
  use: (log: ReturnType<typeof createLog>) => void,
  people = false,
): string[] {
  const lines: string[] = [];
  use(createLog({ level: 'debug', secrets, people, write: (line) => lines.push(line) }));
  return lines;
}

const NASTY = 'a\nb\r\u001b[31m\u0085\u009b2J\u2028\u2029\u202etxt.exe"\\';

describe.each([
  ['JSON', false],
  ['lines for people', true],
])('the log as %s', (_, people) => {
  it('never holds a secret, wherever it stands', () => {
    const secrets = ['s3cret-key', 's3cret', 'quote"and\\slash', 'spaced key/+'];
    const text = written(
      secrets,
      (log) => {
        for (const secret of secrets) {
          log.info({ url: `http://x/?key=${encodeURIComponent(secret)}` }, `called with ${secret}`);
          log.child({ secret }).warn({ headers: { authorization: `Bearer ${secret}` } }, 'child');
          log.error({ err: new Error(`refused ${secret}`, { cause: new Error(secret) }) }, 'failed');
        }
      },
      people,
    ).join('');
    expect(text).toContain('[secret]');
    expect(text).not.toMatch(/s3cret|-key|quote|slash|spaced/);
  });

  it('is not troubled by an empty secret or one that is a number', () => {
    const lines = written(['', '30', '1234'], (log) => log.info({ ms: 1234 }, 'done'), people);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('done');
    expect(lines[0]).not.toContain('1234');
  });

  it('writes one line per event, whatever a file is called', () => {
    const lines = written([], (log) => log.warn({ uri: NASTY, err: new Error(NASTY) }, 'odd name'), people);
    expect(lines).toHaveLength(1);
    expect(lines[0]?.indexOf('\n')).toBe((lines[0]?.length ?? 0) - 1);
    expect(lines[0]).not.toContain('\u001b');
  });
});

describe('lines for people', () => {
  it('hold nothing that steers a terminal or turns the order of writing round', () => {
    const [line = ''] = written([], (log) => log.info({ uri: NASTY }, `seen ${NASTY}`), true);
    expect(line.trimEnd()).not.toMatch(/[\p{Cc}\u2028\u2029\u202a-\u202e]/u);
    expect(line).toContain('\\u009b2J');
  });

  it('show time, level, message and fields', () => {
    const [line = ''] = written([], (log) => log.warn({ uri: 'a.pdf', chunks: 3 }, 'document done'), true);
    expect(line).toMatch(/^\d\d:\d\d:\d\d warning document done uri="a.pdf" chunks=3\n$/);
  });
});

describe('JSON', () => {
  it('gives names back as they are', () => {
    const [line = ''] = written([], (log) => log.info({ uri: NASTY }, 'seen'));
    expect(JSON.parse(line)).toMatchObject({ uri: NASTY, msg: 'seen', level: 30 });
  });

  it('leaves out what is below its level', () => {
    const lines: string[] = [];
    const log = createLog({ level: 'warn', secrets: [], write: (line) => lines.push(line) });
    log.info('no');
    log.error('yes');
    expect(lines).toHaveLength(1);
  });
});
