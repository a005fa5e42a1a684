import { z } from 'zod';
import { callOnce } from './call.ts';
import { parseOllamaHost } from './host.ts';

export type OllamaMemory = ReturnType<typeof createOllamaMemory>;

const Loaded = z.object({
  models: z.array(z.object({ name: z.string(), size_vram: z.number().default(0) })),
});

/** The models that Ollama holds in memory. Fails as every call to it does: `model_unavailable`, `cancelled`. */
export function createOllamaMemory(host: string, callMs: number) {
  const parsed = parseOllamaHost(host);
  return {
    url: parsed.url,
    /** With the bytes each has on the card. */
    loaded: (signal: AbortSignal): Promise<{ name: string; vramBytes: number }[]> =>
      callOnce(parsed, { total: callMs }, [signal], async (ollama) => {
        const { models } = Loaded.parse(await ollama.ps());
        return models.map(({ name, size_vram }) => ({ name, vramBytes: size_vram }));
      }),
    /** Asks it to let a model go; it does so soon after, when nobody uses it. */
    unload: (name: string, signal: AbortSignal): Promise<unknown> =>
      callOnce(parsed, { total: callMs }, [signal], (ollama) =>
        ollama.generate({ model: name, prompt: '', keep_alive: 0, stream: false }),
      ),
  };
}
