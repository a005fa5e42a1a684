import { execFileSync } from 'node:child_process';
import { appendFileSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ignoredBecause } from '../../src/ingest/ignore.ts';
import { collectionOf, createInbox, fileNameOf, isOf, uriOf, type Inbox } from '../../src/ingest/inbox.ts';
import { isUnread, walk } from '../../src/ingest/scan.ts';
import { openInside, takeFile, type Taken } from '../../src/ingest/take.ts';
import { removeFolder } from '../service.ts';

const IS_ROOT = process.getuid?.() === 0;

/** Names that have broken other programs. The last two are not UTF-8. */
const NAMES = [
  'a\nb.txt',
  'tab\t.txt',
  'quote".txt',
  "apostrophe'.txt",
  'semi;colon.txt',
  '-rf.txt',
  'space .txt ',
  '\u202etxt.exe',
  '\u{1f600}.md',
  'caf\u00e9.txt',
  'cafe\u0301.txt',
  'CON',
  'x..%2fetc',
  '\\xff.txt',
  'a\\b.txt',
  `${'n'.repeat(251)}.txt`,
].map((name) => Buffer.from(name));
const INVALID = [Buffer.from([0xff, 0x2e, 0x74, 0x78, 0x74]), Buffer.from([0x61, 0xe9, 0x5c, 0x62])];

let folder: string;
let root: string;
let inbox: Inbox;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'limner-files-'));
  root = join(folder, 'inbox');
  await mkdir(root);
  inbox = createInbox(root);
});
afterEach(() => removeFolder(folder));

const put = (name: string | Buffer, text = 'text'): Promise<void> =>
  writeFile(inbox.full(Buffer.from(name)), text);
const take = (name: string | Buffer, max = 1e9): Promise<Taken> =>
  takeFile(root, inbox.full(Buffer.from(name)), join(folder, 'spool'), max);
const names = async (): Promise<string[]> => [...(await walk(root)).files.keys()].toSorted();

describe('names', () => {
  it('of every kind are found, looked at and taken, each as itself', async () => {
    const all = [...NAMES, ...INVALID];
    for (const [n, name] of all.entries()) await put(name, `content ${n}`);
    const { files } = await walk(root);
    expect(files.size).toBe(all.length);
    for (const [n, name] of all.entries()) {
      const path = files.get(uriOf(name));
      expect(Buffer.from(path ?? []).equals(name)).toBe(true);
      expect(await inbox.look(name)).toMatchObject({ kind: 'file', bytes: `content ${n}`.length });
      const taken = await take(name);
      expect(await readFile(taken.path, 'utf8')).toBe(`content ${n}`);
      await taken.discard();
    }
  });

  it('that are not UTF-8 are shown escaped, and none looks like another', () => {
    const uris = [...NAMES, ...INVALID].map(uriOf);
    expect(new Set(uris).size).toBe(uris.length);
    expect(uriOf(Buffer.from([0xff]))).toBe('\\xff');
    expect(uriOf(Buffer.from('\\xff'))).toBe('\\x5cxff');
    expect(uriOf(Buffer.from('a\\b'))).toBe('a\\b');
  });

  it('are escaped one by one, so that a folder has one text', () => {
    const inside = Buffer.concat([Buffer.from('caf\u00e9/'), Buffer.from([0xff])]);
    expect(uriOf(inside)).toBe('caf\u00e9/\\xff');
    expect(collectionOf(uriOf(inside))).toBe('caf\u00e9');
  });

  it('give collection and file name', () => {
    expect(['a.txt', 'x/a.txt', 'x/y/a.txt'].map(collectionOf)).toEqual(['default', 'x', 'x']);
    expect(['a.txt', 'x/y/a.txt'].map(fileNameOf)).toEqual(['a.txt', 'a.txt']);
  });
});

describe('ignore', () => {
  it.each([
    '.hidden',
    '.limner.yml',
    '~$report.docx',
    'report.docx~',
    '~WRL0001.tmp',
    'film.mkv.part',
    'a.crdownload',

    'x.tmp',
    '.a.swp',
    'Thumbs.db',
    'desktop.ini',
    'Icon\r',
    '@eaDir/a.txt',
    'a/.git/config',
    'x/node_modules/y',
  ])('leaves out %s', (uri) => expect(ignoredBecause(uri)).toEqual(expect.any(String)));

  it.each(['a.txt', 'a b.txt', '~notes.txt', 'tmp/a.txt', 'part.pdf', 'a.part.pdf', 'icon', '-a'])(
    'looks at %s',
    (uri) => expect(ignoredBecause(uri)).toBeUndefined(),
  );

  it('is counted by a walk, and nothing below an ignored folder is found', async () => {
    await mkdir(join(root, '.git'));
    await put('.git/config');
    await put('a.txt~');
    await put('a.txt');
    const found = await walk(root);
    expect([[...found.files.keys()], found.ignored]).toEqual([['a.txt'], 2]);
  });
});

describe('what is not a file', () => {
  it('a link out of the inbox is refused and nothing behind it is found', async () => {
    await mkdir(join(folder, 'outside'));
    await writeFile(join(folder, 'outside/secret.txt'), 'secret');
    await symlink(join(folder, 'outside'), join(root, 'folder-link'));
    await symlink('../outside/secret.txt', join(root, 'link.txt'));
    await symlink('/nowhere', join(root, 'dangling'));
    expect(await names()).toEqual(['dangling', 'folder-link', 'link.txt']);
    for (const name of await names()) {
      expect(await inbox.look(Buffer.from(name))).toMatchObject({ kind: 'refused', code: 'outside' });
      await expect(take(name)).rejects.toMatchObject({ code: 'not_regular' });
    }
    await expect(take('folder-link/secret.txt')).rejects.toMatchObject({ code: 'outside' });
  });

  it('a link within the inbox is not followed: its target is read where it lies', async () => {
    await mkdir(join(root, 'real'));
    await put('real/a.txt');
    await symlink('real', join(root, 'alias'));
    await symlink('real/a.txt', join(root, 'alias.txt'));
    expect(await names()).toEqual(['alias', 'alias.txt', 'real/a.txt']);
    expect(await inbox.look(Buffer.from('alias.txt'))).toMatchObject({
      kind: 'refused',
      code: 'not_regular',
    });
    await expect(take('alias/a.txt')).rejects.toMatchObject({ code: 'not_regular' });
    await (await take('real/a.txt')).discard();
  });

  it('links in a circle end', async () => {
    await symlink('two', join(root, 'one'));
    await symlink('one', join(root, 'two'));
    await mkdir(join(root, 'deep'));
    await symlink('..', join(root, 'deep/up'));
    expect(await names()).toEqual(['deep/up', 'one', 'two']);
    expect(await inbox.look(Buffer.from('one'))).toMatchObject({ kind: 'refused', code: 'outside' });
  });

  it('an inbox that is a link itself is fine', async () => {
    await put('a.txt');
    const alias = join(folder, 'alias');
    await symlink(root, alias);
    expect([...(await walk(alias)).files.keys()]).toEqual(['a.txt']);
    await (await takeFile(alias, Buffer.from(join(alias, 'a.txt')), join(folder, 'spool'), 100)).discard();
  });

  it('pipes, sockets and devices are refused and hang nothing', async () => {
    for (let n = 0; n < 6; n++) execFileSync('mkfifo', [join(root, `pipe${n}`)]);
    const server = createServer().listen(join(root, 'socket'));
    if (IS_ROOT) execFileSync('mknod', [join(root, 'zero'), 'c', '1', '5']);
    const found = await names();
    expect(found).toHaveLength(IS_ROOT ? 8 : 7);
    for (const name of found) {
      expect(await inbox.look(Buffer.from(name))).toMatchObject({ kind: 'refused', code: 'not_regular' });
      await expect(take(name)).rejects.toMatchObject({
        code: name === 'socket' ? 'unreadable' : 'not_regular',
      });
    }
    server.close();
  });

  it('folders and missing paths are absent', async () => {
    await mkdir(join(root, 'folder'));
    await put('a.txt');
    for (const name of ['folder', 'missing', 'missing/a.txt', 'a.txt/b'])
      expect(await inbox.look(Buffer.from(name))).toEqual({ kind: 'absent' });
  });
});

describe('a folder', () => {
  it('that is missing makes the inbox offline, and a walk of it fails', async () => {
    expect(await inbox.online()).toBe(true);
    await rm(root, { recursive: true });
    expect(await inbox.online()).toBe(false);
    await expect(walk(root)).rejects.toMatchObject({ code: 'unreadable' });
  });

  it.skipIf(IS_ROOT)('that cannot be read is told, and nothing below it is believed absent', async () => {
    await mkdir(join(root, 'closed'), { mode: 0o000 });
    const found = await walk(root);
    expect([...found.unread.keys()]).toEqual(['closed']);
    expect([isUnread(found, 'closed/a.txt'), isUnread(found, 'closed2/a.txt')]).toEqual([true, false]);
  });

  it('whose path is too long is told too', async () => {
    const unread = { unread: new Map([['caf\u00e9', 'EACCES']]) };
    const inside = Buffer.concat([Buffer.from('caf\u00e9/'), Buffer.from([0xff])]);
    expect(isUnread(unread, uriOf(inside))).toBe(true);
    const deep = 'd'.repeat(250);
    // Made step by step, since a path of that length cannot be named at once.
    execFileSync('sh', ['-c', `for n in $(seq 20); do mkdir ${deep} && cd -P ${deep} || exit 0; done`], {
      cwd: root,
      stdio: 'ignore',
    });
    const found = await walk(root);
    expect(found.unread.size).toBe(1);
    execFileSync('rm', ['-rf', root]);
  });
});

describe('taking a file', () => {
  it('copies and hashes what it says', async () => {
    await put('a.txt', 'hello');
    const taken = await take('a.txt');
    expect(taken).toMatchObject({
      bytes: 5,
      hash: '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824',
    });
    const look = await inbox.look(Buffer.from('a.txt'));
    expect(look.kind === 'file' && isOf(taken.signature, look.signature)).toBe(true);
    await taken.discard();
    await expect(readFile(taken.path)).rejects.toThrow('ENOENT');
  });

  it('takes an empty one too', async () => {
    await put('a.txt', '');
    expect(await take('a.txt')).toMatchObject({ bytes: 0 });
  });

  it('refuses one over the limit, and leaves no copy', async () => {
    await put('a.txt', 'x'.repeat(1001));
    await expect(take('a.txt', 1000)).rejects.toMatchObject({ code: 'too_large', status: 413 });
    await expect(readFile(join(folder, 'spool'))).rejects.toThrow('ENOENT');
    expect(await take('a.txt', 1001)).toMatchObject({ bytes: 1001 });
  });

  it('tells one that vanished between look and take', async () => {
    await expect(take('a.txt')).rejects.toMatchObject({ code: 'vanished' });
    await put('file');
    await expect(take('file/a.txt')).rejects.toMatchObject({ code: 'vanished' });
  });

  it('takes the new one when it was replaced after the look', async () => {
    await put('a.txt', 'old');
    const look = await inbox.look(Buffer.from('a.txt'));
    await writeFile(join(folder, 'new'), 'new content');
    await rename(join(folder, 'new'), join(root, 'a.txt'));
    const taken = await take('a.txt');
    expect(taken.bytes).toBe(11);
    expect(look).not.toMatchObject({ signature: taken.signature });
  });

  it('refuses one that grows faster than it is copied, and does not copy without end', async () => {
    const [log, spool] = [join(root, 'a.log'), join(folder, 'spool')];
    const part = Buffer.alloc(1_000_000);
    await writeFile(log, part);
    let [spooled, parts, growing] = [0, 0, true];
    /** Begins once the copy is there: by then the file's size has been taken. */
    const grow = (): void => {
      const copy = statSync(spool, { throwIfNoEntry: false });
      spooled = Math.max(spooled, copy?.size ?? 0);
      if (copy && parts++ < 100) appendFileSync(log, part);
      if (growing) setImmediate(grow);
    };
    grow();
    await expect(take('a.log', 1e12)).rejects.toMatchObject({ code: 'changing' });
    growing = false;
    expect(spooled).toBeLessThanOrEqual(part.length + 1);
    await expect(readFile(spool)).rejects.toThrow('ENOENT');
  });

  it('reads nothing from outside while a folder is swapped for a link and back', async () => {
    await mkdir(join(folder, 'outside'));
    await writeFile(join(folder, 'outside/a.txt'), 'secret');
    await mkdir(join(root, 'real'));
    await put('real/a.txt', 'public');
    const [real, aside] = [join(root, 'real'), join(folder, 'aside')];
    let swapping = true;
    const swaps = (async () => {
      for (; swapping;) {
        await rename(real, aside);
        await symlink(join(folder, 'outside'), real);
        await rm(real);
        await rename(aside, real);
      }
    })();
    const seen = new Map<string, number>();
    for (let n = 0; n < 600; n++) {
      const what = await take('real/a.txt').then(
        async (taken) => readFile(taken.path, 'utf8'),
        (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : 'bug'),
      );
      seen.set(what, (seen.get(what) ?? 0) + 1);
    }
    swapping = false;
    await swaps;
    expect(
      [...seen.keys()].filter((what) => !['public', 'outside', 'vanished', 'changing'].includes(what)),
    ).toEqual([]);
    const taken = await take('real/a.txt');
    expect(await readFile(taken.path, 'utf8')).toBe('public');
  });

  it('says changing, not outside, of a file that is replaced again and again', async () => {
    await put('a.txt', 'one');
    let replacing = true;
    const replaces = (async () => {
      for (; replacing;) {
        await writeFile(join(folder, 'next'), 'two');
        await rename(join(folder, 'next'), join(root, 'a.txt'));
      }
    })();
    const codes = new Set<unknown>();
    for (let n = 0; n < 600; n++)
      await take('a.txt').catch((error: unknown) => {
        codes.add(error instanceof Error && 'code' in error ? error.code : error);
      });
    replacing = false;
    await replaces;
    expect([...codes].filter((code) => code !== 'changing')).toEqual([]);
  });

  it('hands out an open file of the inbox only', async () => {
    await put('a.txt', 'hello');
    const handle = await openInside(root, inbox.full(Buffer.from('a.txt')));
    expect(await handle.readFile('utf8')).toBe('hello');
    await handle.close();
    await expect(openInside(root, Buffer.from(`${root}/../inbox/../../etc/passwd`))).rejects.toMatchObject({
      code: expect.stringMatching(/outside|vanished|not_regular/),
    });
  });
});
