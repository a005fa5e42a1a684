import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders, Server } from 'node:http';
import { WebSocketServer, type WebSocket } from 'ws';

export interface SocketState {
  id: string;
  socket: WebSocket;
  /** Whether its first frame asked for previews with metadata. */
  wantsMeta: boolean;
  hasSpoken: boolean;
  key: string;
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
    wantsCredentials,
    isAllowed,
    remaining,
    running,
  }: {
    headers: Record<string, string>[];
    wantsCredentials: () => boolean;
    isAllowed: (headers: IncomingHttpHeaders) => boolean;
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
    if (!isAllowed(request.headers)) {
      socket.end('HTTP/1.1 401 Unauthorized\r\n\r\n');
      return;
    }
    hub.handleUpgrade(request, socket, head, (opened) => {
      const id = new URL(request.url ?? '/', 'http://fake').searchParams.get('clientId') ?? 'none';
      greet(id, opened);
    });
  });

  function greet(id: string, socket: WebSocket): void {
    const before = table.get(id);
    const state: SocketState = { id, socket, key: randomUUID(), wantsMeta: false, hasSpoken: false };
    if (wantsCredentials() && before && all.has(before.socket)) {
      all.add(socket);
      socket.on('close', () => all.delete(socket));
      socket.once('message', (data) => {
        const sent = Buffer.isBuffer(data) ? data.toString() : '';
        if (sent.includes('credential_auth') && sent.includes(before.key)) admit(state);
        else socket.close(1008, 'credential required');
      });
      return;
    }
    admit(state);
  }

  function admit(state: SocketState): void {
    const { id, socket } = state;
    table.set(id, state);
    all.add(socket);
    send(socket, 'status', {
      status: { exec_info: { queue_remaining: remaining() } },
      sid: id,
      ...(wantsCredentials() && { credential_key: state.key }),
    });
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
    if (state.hasSpoken || text.includes('credential_auth')) return;
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
    /** Half open: nothing is read any more, pings are not answered, and the other side is not told. */
    stall(): void {
      for (const socket of all) socket.pause();
    },
    /** Whatever it is, to everybody. */
    send(frame: string | Buffer): void {
      for (const socket of all) socket.send(frame);
    },
    close(code: number): void {
      for (const socket of all) socket.close(code);
    },
    drop(): void {
      for (const socket of all) socket.terminate();
    },
  };
}
