import { z } from 'zod';
import type { Context } from '../command-line.ts';
import { questionIn } from './options.ts';
import { openService } from './service.ts';

const Answer = z.object({
  answer: z.string(),
  model: z.string().nullable(),
  citations: z.array(
    z.object({ marker: z.number(), uri: z.string(), page: z.number().nullable(), url: z.string() }),
  ),
});

export async function ask(context: Context): Promise<number> {
  const { words, where } = questionIn(context.args);
  const service = await openService(context);
  try {
    const { answer, citations } = await service.call(Answer, 'POST', '/api/ask', {
      question: words,
      ...where,
    });
    process.stdout.write(`${answer}\n`);
    if (citations.length > 0) process.stdout.write('\n');
    for (const { marker, uri, page, url } of citations) {
      const place = page === null ? '' : `, page ${page}`;
      process.stdout.write(`[${marker}] ${uri}${place}${service.address === undefined ? '' : `  ${url}`}\n`);
    }
    return citations.length > 0 ? 0 : 1;
  } finally {
    await service.close();
  }
}
