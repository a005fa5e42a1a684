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
}): Log {
  const plain = options.write ?? ((line: string) => void process.stderr.write(line));
  const write = options.write || !process.stderr.isTTY ? plain : (line: string) => plain(forPeople(line));
  const secrets = options.secrets.filter((secret) => secret.length > 0);
  return pino(
    { level: options.level, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    { write: (line: string) => write(hide(line, secrets)) },
  );
}

function hide(line: string, secrets: readonly string[]): string {
  return secrets.reduce((text, secret) => text.replaceAll(secret, '[secret]'), line);
}

const LEVELS: Record<number, string> = { 20: 'debug', 30: '', 40: 'warning', 50: 'error' };

/** `12:01:07 document done uri=a.pdf chunks=3`; values keep JSON's escapes, so a name cannot forge a line. */
function forPeople(line: string): string {
  const { level, time, msg, ...fields } = JSON.parse(line);
  const values = Object.entries(fields).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return `${[String(time).slice(11, 19), LEVELS[level], msg, ...values].filter(Boolean).join(' ')}\n`;
}
