import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { LimnerError } from '../errors.ts';
import type { Connection, Database } from '../sqlite.ts';
import type { Queue } from './queue.ts';

/** What other programs can be told of. */
export const NOTICE_EVENTS = [
  'document.searchable',
  'document.empty',
  'document.failed',
  'document.gone',
  'image.finished',
  'image.failed',
] as const;
export type NoticeEvent = (typeof NOTICE_EVENTS)[number];

/** The kind of job that delivers a notice; its key is the notice's id. */
export const NOTICE_JOB = 'notice';

/** Somebody who wants to be told. */
export interface Subscription {
  id: string;
  url: string;
  /** None means all. */
  events: NoticeEvent[];
  /** `whsec_` and base64, as Standard Webhooks has it. */
  secret: string;
  /** Why nothing is sent any more; null while it is. */
  disabled: string | null;
  created_at: string;
}

/** One message to one subscriber. */
export interface Notice {
  id: string;
  subscription_id: string;
  event: NoticeEvent;
  /** The JSON that is signed and sent. */
  body: string;
  attempts: number;
  /** Status of the last answer; null when there was none. */
  status: number | null;
  error: string | null;
  state: 'waiting' | 'delivered' | 'failed';
  created_at: string;
  ended_at: string | null;
}

const SCHEMA = [
  `create table subscription(
     id text primary key, url text not null, events text not null, secret text not null, disabled text,
     created_at text not null
   ) without rowid;
   create table notice(
     id text primary key, subscription_id text not null, event text not null, body text not null,
     attempts integer not null default 0, status integer, error text, state text not null,
     created_at text not null, ended_at text
   ) without rowid;
   create index notice_ended on notice(ended_at);
   create index notice_subscription on notice(subscription_id, id);`,
];

/** How long ended notices can be looked at, ms. */
const KEEP_MS = 7 * 24 * 3_600_000;

const Events = z.array(z.enum(NOTICE_EVENTS));
type SubscriptionRow = Omit<Subscription, 'events'> & { events: string };

export type Notices = ReturnType<typeof createNotices>;

/** Webhooks out: who wants to be told, and what each was told. Written in the transaction of what happened. */
export function createNotices({ database, queue }: { database: Database; queue: Queue }) {
  database.migrate('notices', SCHEMA);
  const { read } = database;
  let subscriptions = readAll();

  function readAll(): Subscription[] {
    return read
      .all<SubscriptionRow>('select * from subscription order by created_at, id')
      .map(({ events, ...row }) => Object.assign(row, { events: Events.parse(JSON.parse(events)) }));
  }

  async function change(work: (connection: Connection) => void): Promise<void> {
    await database.write(work);
    subscriptions = readAll();
  }

  function get(id: string): Subscription {
    const found = subscriptions.find((one) => one.id === id);
    if (!found) throw new LimnerError('not_found', `There is no webhook ${id}.`);
    return found;
  }

  /** Writes a notice for everyone who wants it; inside the transaction of what happened, `queue.wake` after it. */
  function write(connection: Connection, event: NoticeEvent, data: object): void {
    const now = new Date().toISOString();
    for (const { id, disabled, events } of subscriptions) {
      if (disabled !== null || (events.length > 0 && !events.includes(event))) continue;
      // Ids rise with time, so that lists are in order.
      const notice = `msg_${Date.now().toString(36).padStart(9, '0')}${randomBytes(8).toString('hex')}`;
      connection.run(
        `insert into notice(id, subscription_id, event, body, state, created_at)
         values (?, ?, ?, ?, 'waiting', ?)`,
        notice,
        id,
        event,
        JSON.stringify({ type: event, timestamp: now, data }),
        now,
      );
      queue.enqueue(connection, { kind: NOTICE_JOB, key: notice });
    }
  }

  return {
    subscriptions: (): readonly Subscription[] => subscriptions,
    get,

    /** The answer holds the secret; it is not shown again. */
    async subscribe(url: string, events: NoticeEvent[]): Promise<Subscription> {
      const id = `wh_${randomBytes(10).toString('hex')}`;
      const secret = `whsec_${randomBytes(24).toString('base64')}`;
      await change((connection) =>
        connection.run(
          'insert into subscription(id, url, events, secret, created_at) values (?, ?, ?, ?, ?)',
          id,
          url,
          JSON.stringify(events),
          secret,
          new Date().toISOString(),
        ),
      );
      return get(id);
    },

    async unsubscribe(id: string): Promise<void> {
      get(id);
      await change((connection) => {
        const waiting = connection.all<{ id: string }>('select id from notice where subscription_id = ?', id);
        for (const notice of waiting) queue.drop(connection, NOTICE_JOB, notice.id);
        connection.run('delete from notice where subscription_id = ?', id);
        connection.run('delete from subscription where id = ?', id);
      });
    },

    /** The receiver said that it wants no more. */
    disable: (id: string, reason: string): Promise<void> =>
      change((connection) => connection.run('update subscription set disabled = ? where id = ?', reason, id)),

    write,

    notice: (id: string) => read.get<Notice>('select * from notice where id = ?', id),

    /** Newest first, before the id `before`. */
    list: (subscriptionId: string, before: string | undefined, limit: number): Notice[] =>
      read.all<Notice>(
        'select * from notice where subscription_id = ? and (? is null or id < ?) order by id desc limit ?',
        subscriptionId,
        before ?? null,
        before ?? null,
        limit,
      ),

    /** Inside a transaction. */
    set(connection: Connection, notice: Notice): void {
      connection.run(
        'update notice set attempts = ?, status = ?, error = ?, state = ?, ended_at = ? where id = ?',
        notice.attempts,
        notice.status,
        notice.error,
        notice.state,
        notice.ended_at,
        notice.id,
      );
    },

    prune: (): Promise<void> =>
      database.write((connection) => {
        connection.run('delete from notice where ended_at < ?', new Date(Date.now() - KEEP_MS).toISOString());
      }),
  };
}
