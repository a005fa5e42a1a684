import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createImages, type Images } from '../../src/comfy/images.ts';
import { graphAgainst } from '../../src/comfy/check.ts';
import { readWorkflows } from '../../src/comfy/manifest.ts';
import { ObjectInfo } from '../../src/comfy/wire.ts';
import { createLog } from '../../src/log.ts';
import { openDatabase, type Database } from '../../src/sqlite.ts';
import { writeWorkflows } from '../comfy/bed.ts';
import { makePng } from '../fakes/comfyui-nodes.ts';

/** Address of a real server, such as `http://127.0.0.1:8188`. No model is needed. */
const URL_OF = process.env['COMFYUI_URL'];
const SHIPPED = fileURLToPath(new URL('../../workflows', import.meta.url));
const RUN_MS = 120_000;

describe.skipIf(!URL_OF)('a real ComfyUI', () => {
  let folder: string;
  let database: Database;
  let images: Images;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'limner-live-'));
    await writeWorkflows(join(folder, 'workflows'));
    database = openDatabase(join(folder, 'test.sqlite'));
    images = await createImages(
      { workers: [URL_OF ?? ''], workflows: join(folder, 'workflows'), media: join(folder, 'media') },
      { database, log: createLog({ level: 'info', secrets: [] }) },
    );
    await images.look();
    await images.start();
  });

  afterAll(async () => {
    await images.close();
    await database.close();
    await rm(folder, { recursive: true });
  });

  const ended = (id: string) => images.wait(id, AbortSignal.timeout(RUN_MS));

  test('makes a picture without any model', { timeout: RUN_MS }, async () => {
    const { id } = await images.submit({ workflow: 'plain', inputs: { color: 0x336699 } });
    expect(await ended(id)).toMatchObject({ state: 'done', outputs: [{ kind: 'image', mime: 'image/png' }] });
  });

  test('takes a picture that is sent along', { timeout: RUN_MS }, async () => {
    const picture = makePng(64, 64, 0x00ff00, '');
    const pictures = { image: picture, mask: picture };
    const { id } = await images.submit({ workflow: 'from-picture', inputs: {}, pictures });
    expect(await ended(id)).toMatchObject({ state: 'done', error: null });
  });

  test('knows every node and value of the shipped workflows', async () => {
    const classes = ObjectInfo.parse(await (await fetch(`${URL_OF}/object_info`)).json());
    for (const workflow of await readWorkflows(SHIPPED))
      expect([workflow.name, graphAgainst(workflow.graph, classes, workflow)]).toEqual([workflow.name, []]);
  });
});
