import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { McpApi } from './mcp.ts';
import type { Within } from './within.ts';

/**
 * MCP over streamable HTTP, without sessions: each POST is whole in itself, so that a restart of the service breaks no
 * client. Who leaves the connection ends the work; over stdio a client can cancel one call.
 */
export function mcpRoutes(server: FastifyInstance, { within }: { within: Within }): void {
  server.post('/mcp', async (request, reply) => {
    // Loaded when somebody comes: it takes a tenth of the start and of the memory of a service that rests.
    const { createMcpServer } = await import('./mcp.ts');
    const { StreamableHTTPServerTransport } =
      await import('@modelcontextprotocol/sdk/server/streamableHttp.js');
    const mcp = createMcpServer(apiFor(within, request));
    const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true });
    reply.hijack();
    // Closing it aborts the tools that still run.
    reply.raw.once('close', () => void mcp.close());
    await mcp.connect(transport);
    await transport.handleRequest(request.raw, reply.raw, request.body);
  });
}

const Failure = z.object({ error: z.object({ message: z.string() }) });

/** With the caller's own key, so that a tool can do what the caller can and no more. */
function apiFor(within: Within, request: FastifyRequest): McpApi {
  async function call(...[method, url, options]: Parameters<McpApi['call']>) {
    const response = await within.call(request, { method, url, ...options });
    if (response.statusCode < 400) return response;
    throw new Error(Failure.parse(response.json()).error.message);
  }

  return {
    call: async (...asked) => (await call(...asked)).json(),
    async bytes(url, signal) {
      const { headers, rawPayload } = await call('GET', url, { signal });
      return { type: String(headers['content-type']), bytes: rawPayload };
    },
  };
}
