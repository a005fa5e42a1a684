import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createFakeComfy } from '../fakes/comfyui.ts';
import { chatModel, createFakeOllama, embedModel } from '../fakes/ollama.ts';
import { startService } from '../service.ts';
import { fixture } from './browser.ts';
import { writeWorkflows } from './painter.ts';

const NOTES: Readonly<Record<string, string>> = {
  'garden/Bees in the orchard.md': `# Bees in the orchard

## Spring

The hives stand on the south side of the orchard, in the shelter of the old wall. The first flight of the year was on
the ninth of March, when the hazel was in flower. Each hive is opened only when it is warmer than fourteen degrees.

## Summer

The lime trees along the lane give most of the honey: in 2023 two hives gave forty-one kilograms. It is taken in the
second week of July, never later, so that the bees have time for their own winter store.

## Winter

The entrance is made narrow with a strip of oak, so that mice stay out. A hive needs about fifteen kilograms of honey
to live until March.`,
  'garden/Planting calendar.csv': `Plant,Sow,Harvest
Broad beans,February,June
Carrots,April,September
Pumpkins,May,October
Garlic,November,July
`,
  'house/Heating.md': `# The heating

The boiler is serviced every October by Hallam & Daughters. The pressure should stand between 1.2 and 1.6 bar; when it
falls below one, water is added by the valve behind the blue cover. The filter of the heat pump is washed in spring.`,
};

/** What the stand-in for ComfyUI paints is of one colour, and its seed says which. */
const COLOURS = [0x8a9a5b, 0x34495e, 0x9aa5a8, 0xb5651d, 0x6b8e23, 0xd9a441];

/** A service with documents, and small stand-ins for Ollama and ComfyUI: what the page shows at its best. */
export async function openStage(folder: string, env: Record<string, string> = {}) {
  const ollama = await createFakeOllama({
    installed: [embedModel(), chatModel(), chatModel({ name: 'gemma3:12b' })],
    costMs: { chatPart: 12 },
  });
  const comfy = await createFakeComfy();
  const service = await startService(folder, {
    OLLAMA_HOST: ollama.url,
    LIMNER_EMBED_MODEL: 'nomic-embed-text',
    LIMNER_CHAT_MODEL: 'qwen3:4b',
    COMFYUI_URL: comfy.url,
    LIMNER_WORKFLOWS: await writeWorkflows(join(folder, 'workflows')),
    LIMNER_ILLUSTRATE_WORKFLOW: 'draw',
    ...env,
  });
  for (const [name, text] of Object.entries(NOTES)) {
    await mkdir(join(service.inbox, name, '..'), { recursive: true });
    await writeFile(join(service.inbox, name), text);
  }
  await mkdir(join(service.inbox, 'archive'), { recursive: true });
  const files = ['sample.pdf', 'figures.pdf', 'scanned.pdf', 'encrypted.pdf', 'sample.docx', 'sample.xlsx'];
  for (const file of files) await copyFile(fixture(file), join(service.inbox, 'archive', file));
  await service.quiet(files.length + Object.keys(NOTES).length, 60_000);
  const words = [
    'a hive in spring',
    'the lighthouse at dusk',
    'a ferry in fog',
    'bell ringers',
    'an orchard',
    'the lamp',
  ];
  for (const [at, prompt] of words.entries())
    await service.post('/api/images', {
      workflow: 'draw',
      inputs: { prompt, seed: COLOURS[at], width: 512 },
      wait: true,
    });
  return {
    service,
    ollama,
    comfy,
    async close(): Promise<void> {
      await service.stop();
      await ollama.stop();
      await comfy.stop();
    },
  };
}
