import type { Log } from '../log.ts';
import type { WorkerAddress } from './address.ts';
import { checkWorkflow } from './check.ts';
import { createClient, type ClientTimes } from './client.ts';
import type { Painter } from './painter.ts';
import { runJob } from './run.ts';

/** A ComfyUI server as a painter. */
export function createComfyPainter(
  address: WorkerAddress,
  { times, depth, log }: { times: ClientTimes; depth: number; log: Log },
): Painter {
  const client = createClient(address, times, log);
  return {
    kind: 'comfyui',
    url: address.url,
    depth,
    async look(signal) {
      const facts = await client.look(signal);
      client.socket.start();
      return facts;
    },
    readiness: checkWorkflow,
    run: (job, workflow, parts, signal) => runJob(job, workflow, client, parts, signal),
    stop: client.cancel,
    free: client.free,
    memory: client.memory,
    close: client.close,
  };
}
