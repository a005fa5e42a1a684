import { unescape } from 'node:querystring';
import { workerSecrets } from './comfy/address.ts';
import type { Config } from './config.ts';

/** Every value of the settings that must not stand in a log line. */
export function secretsOf(config: Config): string[] {
  const { chatServer, embedServer, transcribe, qdrant, rerank } = config;
  const servers = [chatServer, embedServer, transcribe, qdrant, rerank.server];
  const painters = [...config.comfy.workers, ...config.comfy.automatic1111];
  const addresses = [config.ollama.host, config.publicUrl, ...servers.map((server) => server?.url)];
  return [
    ...config.apiKeys,
    ...(config.key === undefined ? [] : [config.key]),
    ...config.webhookSecrets,
    ...servers.flatMap((server) => server?.key ?? []),
    ...[...addresses, ...painters].flatMap(credentialsIn),
    ...workerSecrets(painters),
  ];
}

/** The password of an address, and how it stands in a header. Ollama takes an address without its scheme. */
function credentialsIn(address = ''): string[] {
  const url = URL.parse(address.includes('://') ? address : `http://${address}`);
  if (!url || url.password === '') return [];
  const [user, password] = [unescape(url.username), unescape(url.password)];
  return [url.password, password, Buffer.from(`${user}:${password}`).toString('base64')];
}
