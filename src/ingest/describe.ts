import { readFile } from 'node:fs/promises';
import { LimnerError, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Describe } from '../models/describe.ts';
import type { Catalogue } from './catalogue.ts';
import type { Figures } from './figures.ts';
import type { ReadAgain } from './read-again.ts';
import { createWorkLoop } from './work-loop.ts';

export interface DescriptionParts {
  describe: Describe;
  figures: Pick<Figures, 'undescribed' | 'describe' | 'pathOf'>;
  catalogue: Pick<Catalogue, 'ofContent'>;
  readAgain: ReadAgain;
  log: Log;
}

const LONGEST_RETRY_MS = 600_000;
/** The server is there and the picture is the reason: it is passed over until the next start. */
const ITS_FAULT: ReadonlySet<string> = new Set(['model_answer', 'input_too_long']);

/**
 * Has figures described one after the other, whenever the model is there. Documents are searchable before and without
 * it; one whose figures are all described is made again, from the text that is kept, with what they show.
 */
export function createDescriptions(options: { firstRetryMs: number }, parts: DescriptionParts) {
  const { describe, figures, catalogue, readAgain, log } = parts;
  const refused = new Set<string>();

  async function step(signal: AbortSignal): Promise<boolean> {
    const model = describe.ready();
    const next = model === undefined ? undefined : figures.undescribed(refused);
    if (model === undefined || !next) return false;
    try {
      const bytes = await readFile(figures.pathOf(next.id));
      const text = await describe.picture(bytes, next.mime, signal);
      await figures.describe(next.id, model, text);
    } catch (error) {
      if (signal.aborted || (error instanceof LimnerError && !ITS_FAULT.has(error.code))) throw error;
      log.warn({ figure: next.id, reason: messageOf(error) }, 'a figure was not described');
      refused.add(next.id);
    }
    if (!figures.undescribed(refused, next.hash))
      for (const { id } of catalogue.ofContent(next.hash)) await readAgain(id);
    return true;
  }

  return createWorkLoop(
    { ...options, longestRetryMs: LONGEST_RETRY_MS },
    { name: 'describing figures', step, log },
  );
}
