import { copyFile, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parsePolicy } from '../../src/ingest/policy.ts';
import { removeFolder, temporaryFolder } from '../service.ts';
import { openBed, type Bed } from './bed.ts';
import { listsOf } from '../store/material.ts';

let folder: string;
let bed: Bed;

beforeEach(async () => {
  folder = await temporaryFolder();
  bed = await openBed(folder);
});

afterEach(async () => {
  await bed.close();
  await removeFolder(folder);
});

const present = (): string[] =>
  bed
    .all()
    .filter(({ state }) => state !== 'gone')
    .map(({ uri }) => uri)
    .toSorted();

describe('.limnerignore', () => {
  it('leaves out what it names, by the rules of gitignore', async () => {
    await bed.put('.limnerignore', '# drafts\n*.bak\n/private/\nnotes/*\n!notes/keep.txt\n');
    await bed.put('sub/.limnerignore', '!wanted.bak\n');
    for (const uri of [
      'a.txt',
      'a.bak',
      'private/a.txt',
      'sub/private/a.txt',
      'notes/a.txt',
      'notes/keep.txt',
    ])
      await bed.put(uri, uri);
    await bed.put('sub/wanted.bak', 'wanted');
    await bed.scan();
    expect(present()).toEqual(['a.txt', 'notes/keep.txt', 'sub/private/a.txt', 'sub/wanted.bak']);
    expect(bed.folders.ignores('private/deep/a.txt')).toMatch(/\.limnerignore \(\/private\/\)/);
    expect(bed.folders.ignores('a.txt')).toBeUndefined();
  });

  it('forgets what it names from now on, and reads it again when it does not any more', async () => {
    await bed.put('a.txt', 'red kites');
    await bed.put('b.log', 'blue herons');
    await bed.scan();
    await bed.put('.limnerignore', '*.log\n');
    await bed.scan();
    expect(present()).toEqual(['a.txt']);
    expect(await bed.store.totals()).toMatchObject({ chunks: 1 });
    await rm(join(bed.root, '.limnerignore'));
    await bed.scan();
    expect(present()).toEqual(['a.txt', 'b.log']);
    expect(await bed.textOf('b.log')).toEqual(['blue herons']);
    expect(bed.extracted.toSorted()).toEqual(['a.txt', 'b.log']);
  });

  it('is not followed as a link', async () => {
    await bed.put('a.txt', 'red kites');
    await bed.put('rules.txt', '*.txt\n');
    await symlink('rules.txt', join(bed.root, '.limnerignore'));
    await bed.scan();
    expect(present()).toContain('a.txt');
    expect(bed.folders.problems()).toMatchObject([{ file: '.limnerignore' }]);
  });
});

describe('.limner.yaml', () => {
  it('sets collection, tags and metadata for what is below, the deeper one over the outer one', async () => {
    await bed.put('.limner.yaml', 'tags: [house]\nmetadata: {owner: Ada}\n');
    await bed.put('scans/.limner.yaml', 'collection: letters\nlanguage: de\ntags: [paper]\n');
    await bed.put('scans/2020/.limner.yaml', 'metadata: {owner: Ben, year: 2020}\n');
    await bed.put('a.txt', 'red kites');
    await bed.put('scans/2020/b.txt', 'blue herons');
    await bed.scan();
    expect(bed.get('a.txt')).toMatchObject({
      collection: 'default',
      tags: ['house'],
      metadata: { owner: 'Ada' },
    });
    expect(bed.get('scans/2020/b.txt')).toMatchObject({
      collection: 'letters',
      tags: ['house', 'paper'],
      metadata: { owner: 'Ben', year: 2020, language: 'de' },
    });
    const { keyword } = await listsOf(bed.store, { text: 'herons', collection: 'letters', limit: 5 });
    expect(keyword).toHaveLength(1);
  });

  it('changes what is there already, without extracting again', async () => {
    await bed.put('x/a.txt', 'red kites');
    await bed.scan();
    await bed.put('x/.limner.yaml', 'collection: birds\n');
    await bed.scan();
    expect(bed.get('x/a.txt')).toMatchObject({ collection: 'birds', state: 'searchable', revision: 1 });
    await rm(join(bed.root, 'x/.limner.yaml'));
    await bed.scan();
    expect(bed.get('x/a.txt')).toMatchObject({ collection: 'x' });
    expect(bed.extracted).toEqual(['a.txt']);
  });

  it('sets the size of chunks', async () => {
    const text = Array.from({ length: 40 }, (_, at) => `Sentence number ${at} of the story ends here.`).join(
      '\n\n',
    );
    await bed.put('a.txt', text);
    await bed.put('fine/a.txt', text);
    await bed.put('fine/.limner.yaml', 'chunk: {target: 100, max: 150}\n');
    await bed.scan();
    expect(bed.get('fine/a.txt').chunks).toBeGreaterThan(4 * bed.get('a.txt').chunks);
    expect(bed.extracted).toHaveLength(1);
  });

  it('hands options to the processor, and other options read the file again', async () => {
    const given: unknown[] = [];
    await bed.close();
    bed = await openBed(folder, { read: (text, file) => (given.push(file.options), text) });
    await bed.put('x/a.txt', 'red kites');
    await bed.scan();
    await bed.put('x/.limner.yaml', 'options: {ocr: false}\n');
    await bed.scan();
    expect(given).toEqual([undefined, { ocr: false }]);
  });

  it('keeps what a bad one said before, and tells its line; also after a restart', async () => {
    await bed.put('x/.limner.yaml', 'collection: birds\n');
    await bed.put('x/a.txt', 'red kites');
    await bed.scan();
    await bed.put('x/.limner.yaml', 'collection: birds\n\ncolour: red\n');
    await bed.put('x/b.txt', 'blue herons');
    await bed.scan();
    expect(bed.get('x/b.txt')).toMatchObject({ collection: 'birds' });
    expect(bed.folders.problems()).toEqual([
      { file: 'x/.limner.yaml', line: 3, message: expect.stringContaining('colour') },
    ]);
    await bed.close();
    bed = await openBed(folder);
    await bed.put('x/c.txt', 'grey seals');
    await bed.scan();
    expect(bed.get('x/c.txt')).toMatchObject({ collection: 'birds' });
    await bed.put('x/.limner.yaml', 'collection: waders\n');
    await bed.scan();
    expect(bed.folders.problems()).toEqual([]);
    expect(bed.get('x/a.txt')).toMatchObject({ collection: 'waders' });
  });

  it('a move between folders of other settings keeps the id and extracts nothing', async () => {
    await bed.put('x/.limner.yaml', 'collection: birds\n');
    await bed.put('y/.limner.yaml', 'collection: waders\ntags: [wet]\n');
    await bed.put('x/a.txt', 'red kites');
    await bed.scan();
    const { id } = bed.get('x/a.txt');
    await rename(join(bed.root, 'x/a.txt'), join(bed.root, 'y/a.txt'));
    await bed.scan();
    expect(bed.get('y/a.txt')).toMatchObject({ id, collection: 'waders', tags: ['wet'], revision: 1 });
    expect(bed.extracted).toEqual(['a.txt']);
    await copyFile(join(bed.root, 'y/a.txt'), join(bed.root, 'x/a.txt'));
    await bed.scan();
    expect(bed.get('x/a.txt')).toMatchObject({ collection: 'birds', tags: [] });
  });

  it('says whether a collection wants pictures', async () => {
    await bed.put('tales/.limner.yaml', 'illustrate: true\n');
    await bed.put('stories/.limner.yaml', 'collection: fables\nillustrate: true\n');
    await bed.put('tales/sober/.limner.yaml', 'illustrate: false\n');
    await bed.scan();
    const wanting = ['tales', 'fables', 'stories', 'default'].map(bed.folders.illustrates);
    expect(wanting).toEqual([true, true, true, false]);
  });
});

describe('a policy is read with its mistakes', () => {
  it.each<[string, string, number | null, RegExp]>([
    ['no YAML', 'tags: [a\ncollection: b', 2, /./],
    ['an unknown key', 'tags: [a]\ncolor: red', 2, /color/],
    ['a slash in a name', '# here\ncollection: a/b', 2, /collection/],
    ['a nested one', 'chunk:\n  target: 800\n  max: ten', 3, /chunk\.max/],
    ['a target over the maximum', 'chunk: {target: 2000, max: 1000}', null, /over chunk\.max/],
    ['a list', '- a\n- b', null, /./],
    ['a bomb of aliases', 'a: &a [x]\nb: [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n', null, /./],
  ])('%s', (_what, text, line, message) => {
    const parsed = parsePolicy(text);
    expect(parsed).toMatchObject({ problem: { message: expect.stringMatching(message) } });
    if (line !== null) expect(parsed).toMatchObject({ problem: { line } });
  });

  it('an empty one says nothing', () => {
    expect(parsePolicy('# nothing yet\n')).toEqual({ policy: {} });
  });
});
