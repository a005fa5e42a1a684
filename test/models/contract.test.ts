import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { createLog } from '../../src/log.ts';
import { createFingerprints, type Identify } from '../../src/models/fingerprints.ts';
import { createModels } from '../../src/models/models.ts';
import { createOpenAi } from '../../src/models/openai.ts';
import { openDatabase } from '../../src/sqlite.ts';
import { createFakeOpenAi } from '../fakes/openai.ts';
import { modelServerContract, type Bed } from './contract.ts';
import { createReadyPair, RARE } from './setup.ts';

modelServerContract('Ollama', async (): Promise<Bed> => {
  const { fake, server } = await createReadyPair();
  return {
    server,
    models: fake.installed,
    say: (parts, partMs = 0) => {
      fake.settings.reply = () => parts;
      fake.settings.costMs.chatPart = partMs;
    },
    breakNextChat: (how) =>
      fake.plan({ failAt: 'chat', kind: how === 'cut' ? 'no done' : 'error line', times: 1, afterLines: 2 }),
    chats: () => ({
      bodies: fake.requests('chat'),
      end: fake.exchanges.findLast(({ route }) => route === 'chat')?.end,
    }),
    stop: fake.stop,
    start: fake.start,
  };
});

const log = createLog({ level: 'silent', secrets: [] });
const TIMES = {
  timeouts: { status: 2_000, embed: 5_000, chatFirst: 5_000, chatNext: 5_000 },
  pollMs: RARE,
};

modelServerContract('a server of OpenAI’s API', () =>
  openAiBed((url) =>
    createOpenAi({
      url,
      embedModel: 'nomic-embed-text',
      chatModel: 'qwen3:4b',
      identify: temporaryFingerprints(),
      log,
      ...TIMES,
    }),
  ),
);

modelServerContract('a server of each role', () =>
  openAiBed((url) =>
    createModels(
      {
        ollama: { host: 'http://127.0.0.1:9', embedModel: 'nomic-embed-text', chatModel: 'qwen3:4b' },
        chatServer: { url },
        embedServer: { url },
        ...TIMES,
      },
      { identify: temporaryFingerprints(), log },
    ),
  ),
);

function temporaryFingerprints(): Identify {
  const folder = mkdtempSync(join(tmpdir(), 'limner-models-'));
  const database = openDatabase(join(folder, 'test.sqlite'));
  onTestFinished(async () => {
    await database.close();
    rmSync(folder, { recursive: true });
  });
  return createFingerprints(database);
}

async function openAiBed(connect: (url: string) => Bed['server']): Promise<Bed> {
  const fake = await createFakeOpenAi();
  const server = connect(fake.url);
  onTestFinished(async () => {
    await server.close();
    await fake.stop();
  });
  server.start();
  await server.check();
  return {
    server,
    models: fake.models,
    say: (parts, partMs = 0) => {
      fake.settings.reply = () => parts;
      fake.settings.partMs = partMs;
    },
    breakNextChat: (how) =>
      fake.plan({ failAt: 'chat', kind: how === 'cut' ? 'cut' : 'error event', times: 1 }),
    chats: () => ({
      bodies: fake.requests('chat'),
      end: fake.exchanges.findLast(({ route }) => route === 'chat')?.end,
    }),
    stop: fake.stop,
    start: fake.start,
  };
}
