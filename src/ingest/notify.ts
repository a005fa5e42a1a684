import { createHmac } from 'node:crypto';
import { setTimeout as after } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Database } from '../sqlite.ts';
import { reach } from '../points.ts';
import { NOTICE_JOB, type Notice, type Notices, type Subscription } from './notices.ts';
import { somethingDue, type Job, type Queue } from './queue.ts';

export interface NotifyOptions {
  /** Waits before the second, third, ... try, ms; after the last one the notice has failed. */
  retryMs: readonly number[];
  /** How long one answer may take, ms. */
  timeoutMs: number;
  width: number;
}

/** Nearly a day in all, as Standard Webhooks advises. */
export const NOTIFY_DEFAULTS: NotifyOptions = {
  retryMs: [5, 60, 300, 1800, 7200, 18_000, 36_000].map((seconds) => seconds * 1000),
  timeoutMs: 15_000,
  width: 4,
};

interface Answer {
  status: number | null;
  error: string | null;
  /** What the receiver asks to wait, ms. */
  waitMs: number | undefined;
}

/** The longest wait that a receiver may ask for, ms. */
const MAX_WAIT_MS = 3_600_000;

/**
 * Sends notices, signed by Standard Webhooks, until their receiver answers 2xx. The body and its id are the same
 * at every try, so that a receiver can tell a repeat. An answer of 410 ends the subscription.
 */
export function createNotify(
  options: NotifyOptions,
  parts: { database: Database; queue: Queue; notices: Notices; log: Log },
) {
  const { database, queue, notices, log } = parts;
  const stop = new AbortController();
  const agent = new Agent({ connections: 8 });
  let loops: Promise<void>[] = [];

  async function loop(): Promise<void> {
    while (!stop.signal.aborted) {
      try {
        const wakings = queue.wakings();
        const job = await queue.claim(NOTICE_JOB);
        if (!job) await somethingDue(queue, wakings, stop.signal);
        else await deliver(job);
      } catch (error) {
        log.error({ err: error }, 'a notice could not be worked on; it is tried again');
        await after(1000, undefined, { signal: stop.signal }).catch(() => undefined);
      }
    }
  }

  async function deliver(job: Job): Promise<void> {
    const notice = notices.notice(job.key);
    const subscription = notices.subscriptions().find(({ id }) => id === notice?.subscription_id);
    if (!notice || !subscription || subscription.disabled !== null)
      return database.write((connection) => queue.end(connection, job));
    const answer = await post(subscription, notice);
    reach('notice sent');
    if (stop.signal.aborted) return; // its lease is void at the next start
    if (answer.status === 410) await notices.disable(subscription.id, 'the receiver answered 410 Gone');
    await record(job, notice, answer);
  }

  async function post(subscription: Subscription, notice: Notice): Promise<Answer> {
    try {
      const answer = await request(subscription.url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...signed(subscription.secret, notice) },
        body: notice.body,
        dispatcher: agent,
        signal: AbortSignal.any([stop.signal, AbortSignal.timeout(options.timeoutMs)]),
      });
      await answer.body.dump({ limit: 64 * 1024 });
      const ok = answer.statusCode >= 200 && answer.statusCode < 300;
      return {
        status: answer.statusCode,
        error: ok ? null : `the receiver answered ${answer.statusCode}`,
        waitMs: waitOf(answer.headers['retry-after']),
      };
    } catch (error) {
      return { status: null, error: messageOf(error), waitMs: undefined };
    }
  }

  async function record(job: Job, notice: Notice, answer: Answer): Promise<void> {
    const delivered = answer.error === null;
    const delayMs = answer.status === 410 ? undefined : options.retryMs[notice.attempts];
    const ended = delivered || delayMs === undefined;
    await database.write((connection) => {
      notices.set(connection, {
        ...notice,
        attempts: notice.attempts + 1,
        status: answer.status,
        error: answer.error,
        state: delivered ? 'delivered' : ended ? 'failed' : 'waiting',
        ended_at: ended ? new Date().toISOString() : null,
      });
      if (ended) queue.end(connection, job);
      else
        queue.retry(connection, job, {
          delayMs: Math.max(delayMs, answer.waitMs ?? 0),
          reason: answer.error ?? '',
          counts: true,
        });
    });
    if (!ended) queue.wake();
    if (ended && !delivered)
      log.warn(
        { notice: notice.id, event: notice.event, reason: answer.error },
        'a webhook was not delivered',
      );
  }

  return {
    start(): void {
      loops = Array.from({ length: options.width }, loop);
    },
    async close(): Promise<void> {
      stop.abort();
      queue.wake();
      await Promise.all(loops);
      await agent.destroy();
    },
  };
}

function signed(secret: string, { id, body }: Notice): Record<string, string> {
  const timestamp = String(Math.floor(Date.now() / 1000));
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
}

function waitOf(header: string | string[] | undefined): number | undefined {
  const seconds = Number(header);
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds * 1000, MAX_WAIT_MS) : undefined;
}
