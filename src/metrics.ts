import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';

/** A number that is read when Prometheus asks, with its label's values. */
export interface Reading {
  name: string;
  help: string;
  label?: string;
  read: () => Promise<Record<string, number>>;
}

/** Prometheus' text format: the process's own figures, and each reading as a gauge. */
export function createMetrics(readings: readonly Reading[]): () => Promise<{ type: string; text: string }> {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'limner_' });
  for (const reading of readings) addGauge(registry, reading);
  return async () => ({ type: registry.contentType, text: await registry.metrics() });
}

function addGauge(registry: Registry, { name, help, label, read }: Reading): void {
  const gauge = new Gauge({
    name,
    help,
    labelNames: label === undefined ? [] : [label],
    registers: [registry],
    async collect() {
      gauge.reset();
      for (const [value, count] of Object.entries(await read()))
        if (label === undefined) gauge.set(count);
        else gauge.set({ [label]: value }, count);
    },
  });
}
