import type { DocumentFields, Passage } from '../../src/document.ts';

type Fields = Partial<Omit<Passage, 'document'>> & Partial<DocumentFields>;

/** A passage as a store finds it; what is not said does not matter. */
export function passageOf({ id, uri, title, collection, ...fields }: Fields = {}): Passage {
  const text = fields.text ?? 'text';
  return {
    ordinal: 0,
    text,
    span: [0, text.length],
    score: 1,
    ranks: {},
    document: {
      id: id ?? 'd1',
      uri: uri ?? 'folder/file.txt',
      title: title ?? 'Title',
      collection: collection ?? 'folder',
    },
    ...fields,
  };
}
