/**
 * Loaded into the service before its own code (`node --import`): ends the process at a named point of the work, lets
 * the database fail to commit, and moves the wall clock, as the test that started it asks over IPC.
 */
import { subscribe } from 'node:diagnostics_channel';
import { DatabaseSync } from 'node:sqlite';
import type { Point } from '../../src/points.ts';

/** What the test asks for. */
export type Order =
  | { order: 'kill'; point: Point; after: number }
  | { order: 'fail commits'; times: number; errcode: 10 | 13 }
  | { order: 'clock'; offsetMs: number };

let kill: { point: Point; after: number } | undefined;
let commits = { failing: 0, errcode: 13 };
let offsetMs = Number(process.env['CHAOS_CLOCK_MS'] ?? 0);

process.on('message', (message: Order) => {
  if (message.order === 'kill') kill = message;
  if (message.order === 'fail commits') commits = { failing: message.times, errcode: message.errcode };
  if (message.order === 'clock') ({ offsetMs } = message);
});
// The channel to the test must not keep a service alive that is told to end.
process.once('SIGTERM', () => process.disconnect());

subscribe('limner:point', (point) => {
  if (!kill || kill.point !== point || kill.after-- > 0) return;
  process.kill(process.pid, 'SIGKILL');
});

const { exec } = DatabaseSync.prototype;
DatabaseSync.prototype.exec = function failing(sql: string): void {
  if (sql === 'commit' && commits.failing > 0) {
    commits.failing--;
    exec.call(this, 'rollback');
    throw Object.assign(new Error('planned: the commit fails'), { errcode: commits.errcode });
  }
  exec.call(this, sql);
};

const RealDate = Date;
const now = Date.now.bind(Date);
RealDate.now = () => now() + offsetMs;
globalThis.Date = new Proxy(RealDate, {
  construct: (target, given: unknown[], newTarget) =>
    Reflect.construct(target, given.length === 0 ? [RealDate.now()] : given, newTarget),
});
