import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { startBed } from './bed.ts';

const bed = await startBed();
const run = promisify(execFile);
const CLI = fileURLToPath(new URL('../../node_modules/compatcanary/src/cli.js', import.meta.url));
const Report = z.looseObject({
  results: z.array(z.looseObject({ id: z.string(), status: z.string(), summary: z.string() })),
});

/** The checker as its users run it. */
async function scan(profile: string, model: string) {
  const options = ['--base-url', bed.baseURL, '--model', model, '--profile', profile, '--format', 'json'];
  const { stdout } = await run(process.execPath, [CLI, 'scan', ...options], { timeout: 25_000 });
  return Report.parse(JSON.parse(stdout)).results;
}

test.each([
  ['chat', 'limner'],
  ['chat', 'qwen3:4b'],
  ['modern', 'limner'],
])('compatcanary passes its %s profile, every probe without a warning (%s)', async (profile, model) => {
  const results = await scan(profile, model);
  expect(results.filter(({ status }) => status !== 'pass')).toEqual([]);
  expect(results.length).toBeGreaterThanOrEqual(5);
});
