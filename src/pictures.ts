import { join } from 'node:path';
import { createLinks } from './api/links.ts';
import type { Ask, Chat } from './ask/ask.ts';
import { createConverse } from './ask/converse.ts';
import { createIllustrate } from './ask/illustrate.ts';
import { createImagine } from './ask/imagine.ts';
import type { Find } from './ask/find.ts';
import { createImages, type ImagesOptions } from './comfy/images.ts';
import type { OnEnded } from './comfy/jobs.ts';
import type { Lease } from './comfy/pool.ts';
import type { Config } from './config.ts';
import type { Documents } from './ingest/documents.ts';
import type { Folders } from './ingest/folders.ts';
import type { Log } from './log.ts';
import type { Models } from './models/models.ts';
import type { Database } from './sqlite.ts';

interface Parts {
  database: Database;
  chat: Chat;
  ask: Ask;
  find: Find;
  chatModels: Models['chatModels'];
  documents: Pick<Documents, 'figuresOf'>;
  folders: Pick<Folders, 'illustrates'>;
  /** Turns on a card that language models are on too. */
  lease: Lease;
  /** What else is written in the transaction that ends a picture. */
  onEnded: OnEnded;
  log: Log;
}

/** Pictures beside the text: the workers, what they are asked for, and the conversations that show it. */
export async function createPictures(
  { comfy, data }: Pick<Config, 'comfy' | 'data'>,
  overrides: Partial<ImagesOptions>,
  { database, chat, ask, find, chatModels, documents, folders, lease, onEnded, log }: Parts,
) {
  const images = await createImages(
    { ...comfy, media: join(data, 'media'), ...overrides },
    { database, lease, onEnded, log },
  );
  const links = await createLinks(database);
  const pictureDefaults = { generate: comfy.illustrate, edit: 'image-to-image', inpaint: 'inpaint' };
  const { figuresOf } = documents;
  const illustrate = createIllustrate(
    { workflow: pictureDefaults.generate },
    { chat, images, figuresOf, illustrates: folders.illustrates, log },
  );
  const imagine = createImagine(
    { create: pictureDefaults.generate, vary: pictureDefaults.edit },
    { images, find, figuresOf },
  );
  const canPaint = (): boolean => images.canRun(pictureDefaults.generate);
  return {
    images,
    links,
    pictureDefaults,
    canPaint,
    /** Whether pictures can be made now, and the model knows how to call a tool. */
    canDraw: (model: string): boolean =>
      canPaint() && chatModels().some(({ name, tools }) => name === withoutTag(model) && tools === true),
    illustrate,
    converse: createConverse({ ask, chat, chatModels, imagine, illustrate, link: links.sign }),
  };
}

/** Lists leave the usual tag out; settings may have it. */
function withoutTag(model: string): string {
  return model.replace(/:latest$/, '');
}
