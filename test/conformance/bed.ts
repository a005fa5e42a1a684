import { afterAll, expect } from 'vitest';
import { z } from 'zod';
import { createFakeOllama, type FakeOllama } from '../fakes/ollama.ts';
import { removeFolder, startService, temporaryFolder, type Service } from '../service.ts';
import { until } from '../until.ts';
import { createCheckedFetch, type CheckedFetch } from './checked-fetch.ts';

export interface Bed extends Pick<CheckedFetch, 'fetch'> {
  service: Service;
  ollama: FakeOllama;
  /** What clients call their base URL. */
  baseURL: string;
}

export const QUESTION = 'Where is the spare fuse?';
export const ANSWER = '🦑 In the biscuit tin [1].';
/** The clients want a key, the service does not. */
export const apiKey = 'none';

/** The running service with a model and one document. After the tests every answer has to have fitted. */
export async function startBed(env: Record<string, string> = {}): Promise<Bed> {
  const folder = await temporaryFolder();
  const ollama = await createFakeOllama({ reply: () => ANSWER });
  const service = await startService(folder, {
    OLLAMA_HOST: ollama.url,
    LIMNER_EMBED_MODEL: 'nomic-embed-text',
    LIMNER_CHAT_MODEL: 'qwen3:4b',
    ...env,
  });
  const checked = createCheckedFetch();
  await service.post('/api/documents', {
    text: 'The spare fuse lies in the biscuit tin.',
    title: 'Ice station',
    collection: 'ice',
    external_id: 'ice.txt',
  });
  await service.quiet(1);
  await until(async () => (await modelNames(service)).length > 2, 'the model to be ready');
  afterAll(async () => {
    await service.stop();
    await ollama.stop();
    await removeFolder(folder);
    expect(checked.problems).toEqual([]);
    expect(service.log()).not.toContain('a bug');
  });
  return { service, ollama, baseURL: `${service.url}/v1`, fetch: checked.fetch };
}

const Models = z.object({ data: z.array(z.looseObject({ id: z.string() })) });

async function modelNames(service: Service): Promise<string[]> {
  return Models.parse(await (await service.get('/v1/models')).json()).data.map(({ id }) => id);
}

/** A tool as JSON schema, for each client's own form. */
export const WEATHER = {
  name: 'weather',
  description: 'Tells the weather of a city.',
  parameters: {
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
    additionalProperties: false,
  },
} as const;
