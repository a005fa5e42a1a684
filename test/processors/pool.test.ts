import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { describe, expect, test, vi } from 'vitest';
import { createFolder, createPool, fixture, procFile, readingProcesses } from './bed.ts';
import { operatorBomb, pdfText, planPdf } from './hostile-files.ts';

const write = createFolder();
const bomb = write('bomb.pdf', planPdf({ pages: [operatorBomb(200_000_000)] }));

/** Resolves with the only reading process once it runs. */
async function theReader(parent?: number): Promise<number> {
  const ids = await vi.waitFor(() => {
    const running = readingProcesses(parent);
    expect(running).toHaveLength(1);
    return running;
  }, 10_000);
  return ids[0] ?? 0;
}

describe('the pool', () => {
  test('starts nothing before the first file, reuses one process, and ends it when idle', async () => {
    const pool = createPool({ size: 3, idleMs: 300 });
    expect(readingProcesses()).toEqual([]);
    await pool.extract(fixture('sample.txt'));
    const first = await theReader();
    await pool.extract(fixture('sample.md'));
    expect(readingProcesses()).toEqual([first]);
    await vi.waitFor(() => expect(readingProcesses()).toEqual([]), 10_000);
    expect((await pool.extract(fixture('sample.txt'))).sections).toHaveLength(1);
    await pool.close();
  });

  test('runs no more than its size at once and serves all', async () => {
    const pool = createPool({ size: 2 });
    let most = 0;
    const watch = setInterval(() => (most = Math.max(most, readingProcesses().length)), 5);
    const done: number[] = [];
    const files = Array.from({ length: 12 }, (_, index) => index);
    await Promise.all(files.map((index) => pool.extract(fixture('sample.pdf')).then(() => done.push(index))));
    clearInterval(watch);
    expect(done.toSorted((one, other) => one - other)).toEqual(files);
    expect(most).toBe(2);
    await pool.close();
    expect(readingProcesses()).toEqual([]);
  });

  test('an abort kills the reading, takes back a waiting file, and the next file is served', async () => {
    const pool = createPool({ size: 1 });
    const running = new AbortController();
    const waiting = new AbortController();
    const first = pool.extract(bomb, running.signal);
    const second = pool.extract(fixture('sample.txt'), waiting.signal);
    const third = pool.extract(fixture('sample.md'));
    const id = await theReader();
    waiting.abort();
    await expect(second).rejects.toMatchObject({ code: 'cancelled' });
    running.abort();
    await expect(first).rejects.toMatchObject({ code: 'cancelled' });
    expect(procFile(id, 'cmdline')).toBe('');
    expect((await third).sections).toHaveLength(7);
    await pool.close();
  });

  test('close ends what runs and refuses what waits and what comes', async () => {
    const pool = createPool({ size: 1 });
    const files = [pool.extract(bomb), pool.extract(fixture('sample.txt'))];
    const outcomes = Promise.allSettled(files);
    await theReader();
    await pool.close();
    expect(readingProcesses()).toEqual([]);
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'cancelled' } });
    }
    await expect(pool.extract(fixture('sample.txt'))).rejects.toMatchObject({ code: 'cancelled' });
  });

  test('a process that is killed from outside is a crash and is replaced', async () => {
    const pool = createPool({ size: 1 });
    const reading = pool.extract(bomb).catch((error: unknown) => error);
    process.kill(await theReader(), 'SIGKILL');
    expect(await reading).toMatchObject({ code: 'crashed' });
    expect((await pool.extract(fixture('sample.txt'))).sections).toHaveLength(1);
    await pool.close();
  });

  test('a file that breaks native code is not opened again where there is no other way to read it', async () => {
    const pool = createPool({ size: 1, residentMb: 100 });
    const seen = new Set<number>();
    const watch = setInterval(() => readingProcesses().forEach((id) => seen.add(id)), 5);
    await expect(pool.extract(fixture('sample.png'))).rejects.toMatchObject({ code: 'limit' });
    await pool.close();
    clearInterval(watch);
    expect(seen.size).toBe(1);
  });

  test('a heap that overflows is a limit with its name', async () => {
    const pool = createPool({ size: 1, memoryMb: 30 });
    const page = write('big.html', '<p>word</p>'.repeat(400_000));
    await expect(pool.extract(page)).rejects.toMatchObject({
      code: 'limit',
      message:
        'The file unfolds to more than the 30 MB of memory a reader has (LIMNER_EXTRACT_MEMORY_MB); splitting it may help.',
    });
    await pool.close();
  });

  test('resident memory beyond the limit ends the reading', async () => {
    const pool = createPool({ size: 1, residentMb: 120 });
    await expect(pool.extract(bomb)).rejects.toMatchObject({ code: 'limit' });
    expect(readingProcesses()).toEqual([]);
    await pool.close();
  });

  test('a file that is gone is told so', async () => {
    const pool = createPool();
    const gone = { path: '/nowhere/secret-spool/a.txt', name: 'a.txt', bytes: 1 };
    await expect(pool.extract(gone)).rejects.toMatchObject({
      code: 'vanished',
      message: expect.not.stringContaining('secret-spool'),
    });
    await pool.close();
  });

  test('a child sees no environment and its output goes nowhere', async () => {
    vi.stubEnv('LIMNER_PLANTED', 'a-planted-secret');
    const pool = createPool({ size: 1 });
    await pool.extract(fixture('sample.txt'));
    const id = await theReader();
    expect(procFile(id, 'environ')).toContain('NODE_CHANNEL_FD');
    expect(procFile(id, 'environ')).not.toContain('a-planted-secret');
    expect(readlinkSync(`/proc/${id}/fd/1`)).toBe('/dev/null');
    vi.unstubAllEnvs();
    await pool.close();
  });

  test('a child that is stuck ends when its parent is killed', async () => {
    // Each end tag without a beginning looks through all that is open, in one go that no event interrupts.
    const { path } = write('stuck.html', '<span>'.repeat(40_000) + '</i>'.repeat(40_000));
    const script = `
      import { createExtractor } from ${JSON.stringify(new URL('../../src/processors/pool.ts', import.meta.url).href)};
      const log = { debug() {}, warn() {}, error() {} };
      const options = { size: 1, timeoutMs: 60_000, memoryMb: 512, residentMb: 1500, idleMs: 60_000, log };
      await createExtractor(options).extract(${JSON.stringify({ path, name: 'stuck.html', bytes: 1 })});`;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'ignore' });
    const id = await theReader(parent.pid);
    // It is in the parser, where no event reaches it, once it has used more processor time than a start takes.
    await vi.waitFor(() => expect(ticksOf(id)).toBeGreaterThan(80), 15_000);
    parent.kill('SIGKILL');
    await once(parent, 'exit');
    await vi.waitFor(() => expect(procFile(id, 'cmdline')).toBe(''), 10_000);
  });
});

/** Processor time of a process in hundredths of a second (proc(5), stat, fields 14 and 15). */
function ticksOf(id: number): number {
  const fields = procFile(id, 'stat').split(') ')[1]?.split(' ') ?? [];
  return Number(fields[11]) + Number(fields[12]);
}

describe('long text', () => {
  test('60 MB come in sections of modest size without holding up the event loop', async () => {
    const pool = createPool({ limits: { textCharacters: 100_000_000 } });
    const line = 'lorem ipsum dolor sit amet, consectetur\n';
    const delay = monitorEventLoopDelay({ resolution: 5 });
    delay.enable();
    const { sections } = await pool.extract(write('long.txt', line.repeat(1_500_000)));
    delay.disable();
    expect(delay.max / 1e6).toBeLessThan(500);
    expect(Math.max(...sections.map(({ text }) => text.length))).toBeLessThanOrEqual(16_384);
    expect(sections.reduce((sum, { text }) => sum + text.length + 1, 0)).toBe(60_000_000);
    let next = 1;
    for (const { lines } of sections) {
      expect(lines?.[0]).toBe(next);
      next = (lines?.[1] ?? 0) + 1;
    }
    expect(next).toBe(1_500_001);
    await pool.close();
  });

  test('100 MB in one line keep the first part and say so', async () => {
    const pool = createPool({ limits: { textCharacters: 5_000_000 } });
    const file = write('line.txt', Buffer.alloc(100_000_000, 'word 😀 '));
    const { sections, warnings } = await pool.extract(file);
    const text = sections.map((section) => section.text).join('');
    expect(text.length).toBeGreaterThan(4_900_000);
    expect(text.length).toBeLessThanOrEqual(5_000_000);
    expect(text).not.toContain('\uFFFD');
    expect(sections.every(({ lines }) => lines?.join() === '1,1')).toBe(true);
    expect(warnings).toEqual([
      'Only the first 5000000 characters of the text are searchable (LIMNER_MAX_TEXT_CHARACTERS).',
    ]);
    await pool.close();
  });

  test('a good page after all that is read as ever', async () => {
    const pool = createPool();
    const file = write('plain.pdf', planPdf({ pages: [pdfText('Hello', 'again')] }));
    expect((await pool.extract(file)).sections).toEqual([{ text: 'Hello\nagain', page: 1 }]);
  });
});

test('a file at which a process crashes that has read others is read again by a new one', async () => {
  const body = 'seen += 1; if (seen > 1) process.abort(); yield { sections: [{ text: "read" }] };';
  const described = {
    name: 'brittle',
    version: 1,
    kinds: ['text'],
    label: 'a test',
    extensions: ['brittle'],
  };
  const { path } = write(
    'brittle.mjs',
    `let seen = 0; export default { ...${JSON.stringify(described)}, async *read() { ${body} } };`,
  );
  const pool = createPool({ size: 1, own: [{ ...described, path, digest: 'x' }] });
  const texts: unknown[] = [];
  for (const name of ['one.brittle', 'two.brittle', 'three.brittle'])
    texts.push((await pool.extract(write(name, 'words'))).sections[0]?.text);
  expect(texts).toEqual(['read', 'read', 'read']);
  const always = write(
    'always.mjs',
    `export default { ...${JSON.stringify(described)}, async *read() { process.abort(); } };`,
  );
  const broken = createPool({ size: 1, own: [{ ...described, path: always.path, digest: 'y' }] });
  await broken.extract(fixture('sample.txt'));
  await expect(broken.extract(write('four.brittle', 'words'))).rejects.toMatchObject({ code: 'crashed' });
});
