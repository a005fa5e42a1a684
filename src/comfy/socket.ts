import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { WebSocket, type RawData } from 'ws';
import type { Log } from '../log.ts';
import type { WorkerAddress } from './address.ts';
import { readBinaryFrame, readTextFrame, type Frame } from './frames.ts';

export interface SocketTimes {
  handshakeMs: number;
  pingMs: number;
  /** A pong that takes longer means that the line is dead. */
  pongMs: number;
  backoffMs: [first: number, longest: number];
  /** Between the clean close of a deaf socket and the next one; the server needs it to forget the old one. */
  healMs: number;
  /** Deaf sockets are cured at most this often. */
  healEveryMs: number;
}

export const SOCKET_TIMES: SocketTimes = {
  handshakeMs: 10_000,
  pingMs: 20_000,
  pongMs: 10_000,
  backoffMs: [500, 30_000],
  healMs: 250,
  healEveryMs: 60_000,
};

/** A frame may be large (a 3 MB result was measured); more than this is not for us. */
const MAX_FRAME = 32 * 1024 * 1024;
const POLICY_VIOLATION = 1008;
const FIRST_FRAME = JSON.stringify({ type: 'feature_flags', data: { supports_preview_metadata: true } });

export type Socket = ReturnType<typeof createSocket>;

/**
 * The WebSocket of one worker, which may be down at any time: its frames are hints. It keeps its client id
 * while `isNeeded`, since the server sends a job's frames to the id that submitted it.
 */
export function createSocket(
  address: WorkerAddress,
  times: SocketTimes,
  { log, isNeeded }: { log: Log; isNeeded: () => boolean },
) {
  const events = new EventEmitter<{ frame: [Frame]; open: []; close: [] }>();
  let clientId: string = randomUUID();
  let socket: WebSocket | undefined;
  let lastFrame = 0;
  let lastHealed = -Infinity;
  let failures = 0;
  let closed = true;
  /** Newer servers ask for it when a connection takes over the id of another; never logged. */
  let credential: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  let beat: NodeJS.Timeout | undefined;

  function renew(): void {
    clientId = randomUUID();
    credential = undefined;
  }

  function connect(): void {
    if (!isNeeded()) renew();
    const url = `${address.url.replace(/^http/, 'ws')}/ws?clientId=${clientId}`;
    const opened = new WebSocket(url, {
      headers: address.headers,
      handshakeTimeout: times.handshakeMs,
      maxPayload: MAX_FRAME,
      perMessageDeflate: false,
      followRedirects: false,
    });
    socket = opened;
    opened.on('open', () => onOpen(opened));
    opened.on('message', onMessage);
    opened.on('error', (error) => log.debug({ worker: address.url, reason: error.message }, 'socket failed'));
    opened.on('close', (code) => onClose(opened, code));
  }

  function onOpen(opened: WebSocket): void {
    failures = 0;
    if (credential !== undefined)
      opened.send(JSON.stringify({ type: 'credential_auth', data: { credential_key: credential } }));
    opened.send(FIRST_FRAME);
    startHeartbeat(opened);
    events.emit('open');
  }

  function onMessage(data: RawData, isBinary: boolean): void {
    lastFrame = performance.now();
    const bytes = bytesOf(data);
    const frame = isBinary ? readBinaryFrame(bytes) : readTextFrame(bytes.toString('utf8'));
    if (frame.kind === 'message' && typeof frame.data['credential_key'] === 'string')
      credential = frame.data['credential_key'];
    events.emit('frame', frame);
  }

  function onClose(opened: WebSocket, code: number): void {
    clearInterval(beat);
    if (opened !== socket) return;
    socket = undefined;
    if (closed) return;
    log.debug({ worker: address.url, code }, 'socket closed');
    // Refused under this id: its runs are polled to their end.
    if (code === POLICY_VIOLATION) renew();
    events.emit('close');
    const [first, longest] = times.backoffMs;
    const limit = Math.min(longest, first * 2 ** failures++);
    timer = setTimeout(connect, limit * Math.random());
  }

  function startHeartbeat(opened: WebSocket): void {
    let pong: NodeJS.Timeout | undefined;
    opened.on('pong', () => clearTimeout(pong));
    opened.on('close', () => clearTimeout(pong));
    beat = setInterval(() => {
      opened.ping();
      clearTimeout(pong);
      pong = setTimeout(() => opened.terminate(), times.pongMs);
    }, times.pingMs);
  }

  return {
    events,
    clientId: (): string => clientId,
    isOpen: (): boolean => socket?.readyState === WebSocket.OPEN,
    /** When the last frame came, on the clock of `performance.now`. */
    lastFrame: (): number => lastFrame,
    /** Takes the id of an earlier process, whose runs are told of to that id alone; not once it was started. */
    resume(id: string): void {
      if (closed) clientId = id;
    },
    start(): void {
      if (!closed) return;
      closed = false;
      connect();
    },
    /**
     * The cure of a socket that is open and hears nothing: a clean close, a pause, the same id again. Cheap
     * enough to be wrong, as while a model loads.
     */
    heal(): void {
      const deaf = socket;
      const now = performance.now();
      if (!deaf || deaf.readyState !== WebSocket.OPEN || now - lastHealed < times.healEveryMs) return;
      lastHealed = now;
      log.debug({ worker: address.url }, 'socket hears nothing; opened again');
      socket = undefined;
      deaf.once('close', () => {
        if (!closed) timer = setTimeout(connect, times.healMs);
      });
      deaf.close(1000);
      setTimeout(() => deaf.terminate(), times.pongMs).unref();
    },
    close(): void {
      closed = true;
      clearTimeout(timer);
      clearInterval(beat);
      socket?.terminate();
      socket = undefined;
    },
  };
}

function bytesOf(data: RawData): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data);
  return Buffer.isBuffer(data) ? data : Buffer.from(data);
}
