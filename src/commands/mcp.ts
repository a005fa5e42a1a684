import { once } from 'node:events';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { z } from 'zod';
import { createMcpServer } from '../api/mcp.ts';
import type { Context } from '../command-line.ts';
import { openService } from './service.ts';

/** MCP on stdin and stdout. The running service is asked; without one the data folder is opened here. */
export async function mcp(context: Context): Promise<number> {
  const service = await openService(context);
  const server = createMcpServer({
    call: (method, path, { body, signal }) => service.call(z.unknown(), method, path, body, signal),
    bytes: service.bytes,
  });
  try {
    await server.connect(new StdioServerTransport());
    await once(process.stdin, 'close');
    return 0;
  } finally {
    await server.close();
    await service.close();
  }
}
