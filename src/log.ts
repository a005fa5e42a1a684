import { pino, type Logger } from 'pino';

export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error' | 'child'>;

/**
 * One JSON line per event on stderr, or lines for people where stderr is a terminal. Secret values are replaced
 * wherever they appear in a line: redaction by field name misses those inside messages, URLs and headers.
 */
export function createLog(options: {
  level: string;
  secrets: readonly string[];
  write?: (line: string) => void;
  /** Lines for people instead of JSON; by default where stderr is a terminal and nothing else is written to. */
  people?: boolean;
}): Log {
  const write = options.write ?? ((line: string) => void process.stderr.write(line));
  const people = options.people ?? (options.write === undefined && process.stderr.isTTY);
  const secrets = spellings(options.secrets);
  return pino(
    { level: options.level, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    // A secret can stand where JSON needs its own signs, so lines for people are made before it is hidden.
    { write: (line: string) => write(hide(people ? forPeople(line) : line, secrets)) },
  );
}

/** How each secret may stand in a line, longest first, so that none leaves the rest of a longer one behind. */
function spellings(secrets: readonly string[]): string[] {
  const all = secrets.flatMap((secret) => [
    secret,
    JSON.stringify(secret).slice(1, -1),
    encodeURIComponent(secret),
  ]);
  return [...new Set(all)].filter(Boolean).toSorted((a, b) => b.length - a.length);
}

function hide(line: string, secrets: readonly string[]): string {
  return secrets.reduce((text, secret) => text.replaceAll(secret, '[secret]'), line);
}

const LEVELS: Record<number, string> = { 20: 'debug', 30: '', 40: 'warning', 50: 'error' };

/** `12:01:07 document done uri=a.pdf chunks=3`; values keep JSON's escapes, so a name cannot forge a line. */
function forPeople(line: string): string {
  const { level, time, msg, ...fields } = JSON.parse(line);
  const values = Object.entries(fields).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  const parts = [String(time).slice(11, 19), LEVELS[level], msg, ...values].filter(Boolean);
  return `${parts.join(' ').replaceAll(STEERING, escapeSign)}\n`;
}

/** Signs that steer a terminal or turn the order of writing round; JSON leaves some of them as they are. */
const STEERING = /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

function escapeSign(sign: string): string {
  return `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
