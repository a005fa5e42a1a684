/**
 * The service in a process of its own, so that what measures it does not disturb it. Forked by the benches: its
 * settings are in the environment, figures are asked for by message.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { createApp } from '../src/app.ts';
import { parseConfig } from '../src/config.ts';
import { createLog } from '../src/log.ts';

const Ready = z.object({ url: z.string() });
const Figures = z.object({ delayP99: z.number(), delayMax: z.number() });

export interface ServiceUnderTest {
  url: string;
  pid: number;
  /** Event-loop delay since the last call, in ms. */
  delays(): Promise<z.infer<typeof Figures>>;
  stop(): Promise<void>;
}

/** The timer that measures the delay rings this often, in ms; it counts its own interval too. */
const RESOLUTION = 1;

export async function startService(
  environment: Record<string, string>,
  nodeOptions: readonly string[] = [],
): Promise<ServiceUnderTest> {
  const child = fork(fileURLToPath(import.meta.url), ['run'], {
    env: { ...environment, PATH: process.env['PATH'] },
    execArgv: [...nodeOptions],
  });
  const answer = async (): Promise<unknown> => (await once(child, 'message'))[0];
  const { url } = Ready.parse(await answer());
  return {
    url,
    pid: child.pid ?? 0,
    async delays() {
      child.send('delays');
      return Figures.parse(await answer());
    },
    async stop() {
      const ended = once(child, 'exit');
      child.send('stop');
      await ended;
    },
  };
}

async function run(): Promise<void> {
  const config = parseConfig(process.env, process.cwd());
  const app = await createApp(config, createLog({ level: config.logLevel, secrets: [] }));
  const url = await app.server.listen({ host: '127.0.0.1', port: 0 });
  await app.start({ watch: true });
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION });
  delay.enable();
  process.on('message', (message) => {
    if (message === 'delays') {
      const [p99, max] = [delay.percentile(99), delay.max].map((ns) => ns / 1e6 - RESOLUTION);
      process.send?.({ delayP99: p99, delayMax: max });
      delay.reset();
    } else {
      void app.close().then(() => process.disconnect());
    }
  });
  process.send?.({ url });
}

if (process.argv[2] === 'run' && process.send) await run();
