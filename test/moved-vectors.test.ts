import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { chatModel, createFakeOllama, embedModel } from './fakes/ollama.ts';
import { removeFolder, startService, temporaryFolder } from './service.ts';
import { until } from './until.ts';

it('a file that moves to another ending is made again, and its new passages get their vectors', async () => {
  const folder = await temporaryFolder();
  const ollama = await createFakeOllama({ installed: [embedModel(), chatModel()] });
  const service = await startService(folder, {
    OLLAMA_HOST: ollama.url,
    LIMNER_EMBED_MODEL: 'nomic-embed-text',
    LIMNER_CHAT_MODEL: 'qwen3:4b',
  });
  const allEmbedded = async (uri: string) => {
    const [only, ...others] = await service.documents();
    return others.length === 0 && only?.uri === uri && only.chunks > 0 && only.vectors === only.chunks;
  };
  try {
    await mkdir(join(service.inbox, 'one'));
    await writeFile(
      join(service.inbox, 'kites.md'),
      '# Kites\n\nThe <b>kites</b> fly over the &amp; moor.\n',
    );
    await until(() => allEmbedded('kites.md'), 'the vectors');
    await rename(join(service.inbox, 'kites.md'), join(service.inbox, 'one/kites.html'));
    await until(() => allEmbedded('one/kites.html'), 'the vectors of what was made again');
    expect(service.log()).not.toContain('"level":50');
  } finally {
    await service.stop();
    await ollama.stop();
    await removeFolder(folder);
  }
});
