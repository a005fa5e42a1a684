import { flushCompileCache } from 'node:module';
import { createApp } from '../app.ts';
import { LimnerError, systemCode } from '../errors.ts';
import type { Context } from '../command-line.ts';

/** How long the end may take before the process ends anyway, ms. */
const PATIENCE_MS = 10_000;

/** Runs until SIGINT or SIGTERM; a second signal ends it at once. */
export async function serve({ config, log }: Context): Promise<number> {
  const since = performance.now();
  const app = await createApp(config, log);
  if (config.isExposed && !app.hasKeys()) {
    await app.close();
    throw new LimnerError(
      'invalid_config',
      `${config.host} can be reached by other machines, so that a key is needed: make one with \`limner keys add NAME\`, set LIMNER_API_KEYS, or listen on 127.0.0.1.`,
    );
  }
  const address = await listen(app.server, config.host, config.port);
  process.stdout.write(`Limner is at ${address}. Drop files into ${config.inbox} and ask.\n`);
  log.info({ address, ms: Math.round(performance.now() - since) }, 'ready');
  const stopped = untilSignal();
  await app.start({ watch: true });
  log.info({ inbox: config.inbox, data: config.data, ms: Math.round(performance.now() - since) }, 'watching');
  // Not only at the end, which may be a sudden one.
  flushCompileCache();
  await stopped;
  log.info('stopping');
  setTimeout(() => process.exit(1), PATIENCE_MS).unref();
  await app.close();
  return 0;
}

async function listen(
  server: Awaited<ReturnType<typeof createApp>>['server'],
  host: string,
  port: number,
): Promise<string> {
  try {
    return await server.listen({ host, port });
  } catch (error) {
    if (systemCode(error) !== 'EADDRINUSE') throw error;
    throw new LimnerError('invalid_config', `Port ${port} is taken; stop what uses it, or set LIMNER_PORT.`, {
      cause: error,
    });
  }
}

function untilSignal(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      process.once(signal, () => process.exit(1));
      resolve();
    });
  return promise;
}
