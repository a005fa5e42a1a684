import type { Server } from 'node:http';
import { WebSocketServer, type WebSocket } from 'ws';

export interface SocketState {
  id: string;
  socket: WebSocket;
  /** Whether its first frame asked for previews with metadata. */
  wantsMeta: boolean;
  hasSpoken: boolean;
}

export type Sockets = ReturnType<typeof createSockets>;

/**
 * The WebSocket side. As in the real server, one table maps a client id to its newest socket, and the end of any
 * socket of an id takes the entry away, so that a newer socket of the same id hears nothing from then on.
 */
export function createSockets(
  server: Server,
  {
    headers,
    remaining,
    running,
  }: {
    headers: Record<string, string>[];
    remaining: () => number;
    running: () => [string, string] | undefined;
  },
) {
  const table = new Map<string, SocketState>();
  const all = new Set<WebSocket>();
  const hub = new WebSocketServer({ noServer: true, maxPayload: 4 * 1024 * 1024 });
  server.on('upgrade', (request, socket, head) => {
    headers.push(
      Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)])),
    );
    hub.handleUpgrade(request, socket, head, (opened) => {
      const id = new URL(request.url ?? '/', 'http://fake').searchParams.get('clientId') ?? 'none';
      greet(id, opened);
    });
  });

  function greet(id: string, socket: WebSocket): void {
    const state: SocketState = { id, socket, wantsMeta: false, hasSpoken: false };
    table.set(id, state);
    all.add(socket);
    send(socket, 'status', { status: { exec_info: { queue_remaining: remaining() } }, sid: id });
    const now = running();
    if (now && now[0] === id) send(socket, 'executing', { node: now[1] });
    socket.on('message', (data) => listen(state, Buffer.isBuffer(data) ? data.toString() : ''));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      all.delete(socket);
      table.delete(id);
    });
  }

  function listen(state: SocketState, text: string): void {
    if (state.hasSpoken) return;
    state.hasSpoken = true;
    if (!text.includes('feature_flags')) return;
    state.wantsMeta = text.includes('"supports_preview_metadata":true');
    send(state.socket, 'feature_flags', { supports_preview_metadata: true, max_upload_size: 104857600 });
  }

  function send(socket: WebSocket, type: string, data: unknown): void {
    if (socket.readyState === socket.OPEN) socket.send(JSON.stringify({ type, data }));
  }

  return {
    /** To one client; to everybody when there is none. */
    tell(id: string | undefined, type: string, data: unknown): void {
      for (const state of id === undefined ? table.values() : [table.get(id)])
        if (state) send(state.socket, type, data);
    },
    tellText(id: string, text: string): void {
      table.get(id)?.socket.send(text);
    },
    preview(id: string, promptId: string, node: string, bytes: Buffer): void {
      const state = table.get(id);
      if (!state) return;
      const meta = Buffer.from(
        JSON.stringify({ node_id: node, prompt_id: promptId, image_type: 'image/png' }),
      );
      const head = Buffer.alloc(8);
      head.writeUInt32BE(state.wantsMeta ? 4 : 1, 0);
      head.writeUInt32BE(state.wantsMeta ? meta.length : 2, 4);
      state.socket.send(Buffer.concat([head, ...(state.wantsMeta ? [meta] : []), bytes]));
    },
    count: (): number => all.size,
    ids: (): string[] => [...table.keys()],
    /** Every socket stays open, answers pings and hears nothing any more. */
    deafen: (): void => table.clear(),
    drop(): void {
      for (const socket of all) socket.terminate();
    },
  };
}
