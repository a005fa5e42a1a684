import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { recoverUploads } from '../../src/ingest/uploads.ts';
import { until } from '../until.ts';
import { eachWithItsOwn, open } from './own-bed.ts';

eachWithItsOwn();

it('a document is shown as it was read before until the processors of another version have read it, also after pruning', async () => {
  const first = await open();
  await first.put('a.txt', 'text');
  await first.scan();
  await first.close();
  const second = await open({ processorsVersion: '2', read: (text) => `${text}, read anew` });
  const shown = async () => (await second.pipeline.extractionOf(second.get('a.txt')))?.sections[0]?.text;
  await second.extractions.prune('2');
  expect(await shown()).toBe('text');
  await second.scan();
  expect(await shown()).toBe('text, read anew');
  await second.extractions.prune('2');
  const kept = second.database.read.all('select version from extraction');
  expect(kept).toEqual([{ version: '2' }]);
});

it('what was sent is made again, too, when the processors are of another version', async () => {
  const first = await open();
  const send = (text: string) => ({ kind: 'texts' as const, name: text, body: Readable.from([text]) });
  const id = await first.save(send('grey seals'));
  await until(first.calm, 'quiet');
  await first.close();
  const second = await open({ processorsVersion: '2', read: (text) => `${text}, read anew` });
  const recover = () =>
    recoverUploads(second.uploads, { ...second, recipe: second.pipeline.recipeOfUploads });
  await recover();
  await until(second.calm, 'quiet');
  expect((await second.store.chunks(id, { offset: 0, limit: 9 })).map(({ text }) => text)).toEqual([
    'grey seals, read anew',
  ]);
  await recover();
  expect(second.queue.size()).toBe(0);
});

it('what was sent goes before a folder that waits, and what is taken away before both', async () => {
  const first = await open();
  await first.put('old.txt', 'old');
  await first.scan();
  await first.close();
  const reading = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  // Another version, so that `old.txt` is to be made again.
  const { put, save, remove, arrivals, extracted, calm, queue, catalogue, store } = await open({
    width: 1,
    processorsVersion: '2',
    read: async (text) => {
      reading.resolve();
      await release.promise;
      return text;
    },
  });
  for (const name of ['a', 'b', 'c']) await put(`${name}.txt`, name);
  await put('gone.txt', 'gone');
  await arrivals.scan();
  await reading.promise;
  await until(() => queue.size() === 5, 'everything to wait');
  const [began] = extracted;
  const id = await save({ kind: 'texts', name: 'sent.txt', body: Readable.from(['sent']) });
  await remove('old.txt');
  await arrivals.scan();
  const old = catalogue.find('inbox', 'old.txt')?.id ?? '';
  await until(
    () => queue.list(0, 100).some(({ key, priority }) => key === old && priority === 3),
    'the absence',
  );
  release.resolve();
  await until(calm, 'quiet');
  expect(extracted.slice(0, 2)).toEqual([began, 'sent.txt']);
  expect(extracted).not.toContain('old.txt');
  expect(catalogue.get(id)?.state).toBe('searchable');
  expect(await store.chunks(old, { offset: 0, limit: 1 })).toEqual([]);
});
