import type { Log } from '../log.ts';
import { LimnerError } from '../errors.ts';
import type { WorkerAddress } from './address.ts';
import { followPrompt, type FollowOptions, type FollowTimes, FOLLOW_TIMES } from './follow.ts';
import type { Graph } from './graph.ts';
import { createHttp, refused } from './http.ts';
import type { CardMemory } from './painter.ts';
import { pause } from './pause.ts';
import { createRecordReader, type PromptState } from './record.ts';
import { createSocket, SOCKET_TIMES, type SocketTimes } from './socket.ts';
import { createSubmit } from './submit.ts';
import { Cancelled, SystemStats, Uploaded, type FileReference, type Outputs } from './wire.ts';
import { lookAtWorker, type WorkerFacts } from './worker-look.ts';

export interface ClientTimes extends SocketTimes, FollowTimes {
  callMs: number;
  /** A cancellation is sent again this often until the server shows that it worked. */
  cancelMs: number;
  /** How long a cancellation may take before the worker counts as stuck. */
  cancelLimitMs: number;
}

export const CLIENT_TIMES: ClientTimes = {
  ...SOCKET_TIMES,
  ...FOLLOW_TIMES,
  callMs: 20_000,
  cancelMs: 2000,
  cancelLimitMs: 60_000,
};

export type Client = ReturnType<typeof createClient>;

/**
 * One ComfyUI server. Polling is the truth, the WebSocket a hint: every verdict is read over HTTP, frames only
 * say when to look and how far a run is.
 */
export function createClient(address: WorkerAddress, times: ClientTimes, log: Log) {
  const closing = new AbortController();
  const http = createHttp(address, times.callMs, closing.signal);
  const active = new Set<string>();
  const running = new Set<string>();
  const socket = createSocket(address, times, { log, isNeeded: () => active.size > 0 });
  const readRecord = createRecordReader(http, address.url);
  const submit = createSubmit({ http, url: address.url, readRecord, retryMs: times.askAgainMs });

  /** One request to stop; the server may ignore it, so that only the record tells whether it worked. */
  async function requestCancel(id: string, signal: AbortSignal): Promise<void> {
    const reply = await http.call(`/api/jobs/${id}/cancel`, { method: 'POST', json: {}, signal });
    if (reply.status === 200 && Cancelled.safeParse(reply.body).success) return;
    if (reply.status === 404 && reply.body !== undefined) return;
    await http.call('/api/queue', { method: 'POST', json: { delete: [id] }, signal });
    // Never without the id: that would stop whatever runs, whoever it belongs to.
    await http.call('/api/interrupt', { method: 'POST', json: { prompt_id: id }, signal });
  }

  return {
    url: address.url,
    socket,
    readRecord,
    active,
    look: (signal: AbortSignal): Promise<WorkerFacts> => lookAtWorker(http, signal),
    /** Posts a graph under our own id; safe to repeat. */
    async submit(id: string, graph: Graph, signal: AbortSignal): Promise<void> {
      active.add(id);
      socket.start();
      try {
        await submit({ id, graph, clientId: socket.clientId() }, signal);
      } catch (error) {
        active.delete(id);
        throw error;
      }
    },
    /** Waits until the server has a verdict on `id`. */
    async follow(
      id: string,
      options: Omit<FollowOptions, 'id' | 'isBehindOurs' | 'onBegun'>,
    ): Promise<Outputs> {
      active.add(id);
      socket.start();
      try {
        return await followPrompt(
          { socket, readRecord, times },
          {
            ...options,
            id,
            onBegun: () => void running.add(id),
            isBehindOurs: () => [...running].some((one) => one !== id),
          },
        );
      } finally {
        active.delete(id);
        running.delete(id);
      }
    },
    /** Stops a run and resolves when it has stopped: false when it does not within the limit. */
    async cancel(id: string, signal: AbortSignal): Promise<boolean> {
      const end = performance.now() + times.cancelLimitMs;
      for (;;) {
        await requestCancel(id, signal);
        const { state }: PromptState = await readRecord(id, signal);
        if (state !== 'pending' && state !== 'running') return true;
        if (performance.now() > end) return false;
        await pause(times.cancelMs, signal);
      }
    },
    /** Uploads a picture into a folder of its own; the name in the answer is the one to use in a graph. */
    async upload(bytes: Buffer, name: string, subfolder: string, signal: AbortSignal): Promise<string> {
      const form = new FormData();
      form.set('image', new Blob([new Uint8Array(bytes)]), name);
      form.set('subfolder', subfolder);
      form.set('type', 'input');
      const call = { method: 'POST', form, signal, timeoutMs: times.downloadMs } as const;
      const stored = await http.json(Uploaded, '/api/upload/image', call);
      return stored.subfolder === '' ? stored.name : `${stored.subfolder}/${stored.name}`;
    },
    /** The bytes of an output from `offset` on. Throws `image_lost` when the file is gone. */
    async download(file: FileReference, offset: number, signal: AbortSignal): Promise<Response> {
      const query = new URLSearchParams({
        filename: file.filename,
        subfolder: file.subfolder,
        type: file.type,
      });
      const response = await http.open(`/api/view?${query.toString()}`, {
        signal,
        timeoutMs: times.downloadMs,
        ...(offset > 0 && { headers: { range: `bytes=${offset}-` } }),
      });
      if (response.status === 404)
        throw new LimnerError('image_lost', 'The worker no longer has the file that it made.');
      if (response.status !== 200 && response.status !== 206)
        throw refused(address.url, '/view', response.status);
      return response;
    },
    /** Lets models go after the current run. */
    async free(signal: AbortSignal): Promise<void> {
      await http.call('/api/free', {
        method: 'POST',
        json: { unload_models: true, free_memory: true },
        signal,
      });
    },
    async memory(signal: AbortSignal): Promise<CardMemory | undefined> {
      const { devices } = await http.json(SystemStats, '/api/system_stats', { signal });
      const card = devices.find(({ type }) => type !== 'cpu');
      // What it calls free includes what it holds itself and does not use.
      const free = card && card.vram_free - card.torch_vram_free;
      return card && { total: card.vram_total, free: free ?? 0, own: card.torch_vram_total };
    },
    /** Good manners: its history holds whole graphs. */
    async forget(id: string, signal: AbortSignal): Promise<void> {
      await http.call('/api/history', { method: 'POST', json: { delete: [id] }, signal });
    },
    close(): void {
      closing.abort();
      socket.close();
    },
  };
}
