import { existsSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chromium, type Browser, type Page } from 'playwright-core';
import { z } from 'zod';
import { Graph } from '../../src/comfy/graph.ts';
import { convertUiGraph } from '../../src/comfy/ui-convert.ts';
import { ObjectInfo } from '../../src/comfy/wire.ts';
import { LimnerError } from '../../src/errors.ts';

/**
 * Every template that a real server carries, turned into API format by us and by the server's own editor in a browser.
 * Nothing is run.
 */
const URL_OF = process.env['COMFYUI_URL'];
const CHROMIUM = '/usr/bin/chromium';
const MINUTES = 10 * 60_000;

const Index = z.array(z.looseObject({ templates: z.array(z.looseObject({ name: z.string() })) }));
const Node = z.looseObject({ type: z.string(), mode: z.number().optional() });
const Saved = z.looseObject({
  nodes: z.array(Node),
  definitions: z
    .looseObject({ subgraphs: z.array(z.looseObject({ id: z.string(), nodes: z.array(Node) })).default([]) })
    .optional(),
});
type Saved = z.infer<typeof Saved>;

/** Types whose widget exists in the browser alone, which sends an empty value for it. */
const DRAWN: ReadonlySet<unknown> = new Set(['AUDIO_RECORD']);

describe.skipIf(!URL_OF || !existsSync(CHROMIUM))('the templates of a real ComfyUI', () => {
  let browser: Browser;
  let page: Page;
  let classes: ObjectInfo;
  const templates = new Map<string, Saved>();
  const load = async (path: string): Promise<unknown> => (await fetch(`${URL_OF}${path}`)).json();

  beforeAll(async () => {
    classes = ObjectInfo.parse(await load('/object_info'));
    for (const { name } of Index.parse(await load('/templates/index.json')).flatMap((one) => one.templates))
      templates.set(name, Saved.parse(await load(`/templates/${name}.json`)));
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
    page = await browser.newPage();
    await page.goto(URL_OF ?? '');
    await page.waitForFunction('!!(window.comfyAPI?.app?.app ?? window.app)?.graph', undefined, {
      timeout: 60_000,
    });
    await page.waitForLoadState('networkidle');
  }, MINUTES);

  afterAll(() => browser.close());

  async function byTheEditor(saved: Saved): Promise<Graph> {
    const made: unknown = await page.evaluate(
      `(async () => {
        const app = window.comfyAPI?.app?.app ?? window.app;
        await app.loadGraphData(${JSON.stringify(saved)}, true, false);
        return (await app.graphToPrompt()).output;
      })()`,
    );
    return Graph.parse(made);
  }

  /** Undefined where the server lacks a node, as with custom ones. */
  function byUs(saved: Saved, name: string): Graph | undefined {
    try {
      return convertUiGraph(saved, classes, name);
    } catch (error) {
      if (error instanceof LimnerError && error.message.includes('does not know the node')) return undefined;
      throw error;
    }
  }

  async function compare(change: (saved: Saved, name: string) => Saved) {
    const sum = { templates: templates.size, compared: 0, nodes: 0, inputs: 0 };
    const differences: string[] = [];
    for (const [name, template] of templates) {
      const saved = change(template, name);
      const ours = byUs(saved, name);
      if (!ours) continue;
      sum.compared++;
      const theirs = await byTheEditor(saved);
      for (const id of new Set([...Object.keys(ours), ...Object.keys(theirs)])) {
        sum.nodes++;
        const [one, other] = [ours[id]?.inputs ?? {}, theirs[id]?.inputs ?? {}];
        if (!ours[id] || !theirs[id]) differences.push(`${name} ${id}`);
        for (const input of Object.keys({ ...one, ...other })) {
          if (!isSent(ours[id]?.class_type ?? '', input)) continue;
          sum.inputs++;
          if (JSON.stringify(one[input]) !== JSON.stringify(other[input]))
            differences.push(
              `${name} ${id}.${input}: ${JSON.stringify(one[input])} ${JSON.stringify(other[input])}`,
            );
        }
      }
    }
    process.stdout.write(`${JSON.stringify(sum)}\n`);
    return { sum, differences };
  }

  /** Previews and players of the browser put inputs of their own beside those that the node has. */
  function isSent(kind: string, input: string): boolean {
    const { required, optional } = classes[kind]?.input ?? {};
    const spec: unknown = { ...required, ...optional }[input.split('.')[0] ?? ''];
    return Array.isArray(spec) && !DRAWN.has(spec[0]);
  }

  test('become what the editor makes of them', { timeout: MINUTES }, async () => {
    const { sum, differences } = await compare((saved) => saved);
    expect(differences).toEqual([]);
    expect(sum.compared).toBeGreaterThan(sum.templates / 2);
  });

  test('with nodes bypassed and muted as well', { timeout: MINUTES }, async () => {
    const { differences } = await compare(withoutSomeNodes);
    expect(differences).toEqual([]);
  });
});

/** About every sixth node bypassed and every twentieth muted, uses of subgraphs excepted; the same each time. */
function withoutSomeNodes(template: Saved, name: string): Saved {
  const saved = structuredClone(template);
  const subgraphs = saved.definitions?.subgraphs ?? [];
  const kept = new Set(subgraphs.map(({ id }) => id));
  let state = crc32(name);
  for (const node of [...saved.nodes, ...subgraphs.flatMap(({ nodes }) => nodes)]) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const chance = state / 2 ** 32;
    if (!kept.has(node.type) && chance < 0.2) node.mode = chance < 0.15 ? 4 : 2;
  }
  return saved;
}
