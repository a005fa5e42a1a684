import { z } from 'zod';
import type { Context } from '../command-line.ts';
import { questionIn } from './options.ts';
import { openService } from './service.ts';

const Hits = z.object({
  hits: z.array(
    z.object({
      document: z.object({ uri: z.string(), title: z.string() }),
      text: z.string(),
      page: z.number().nullable(),
      ranks: z.object({ keyword: z.number().nullable(), vector: z.number().nullable() }),
    }),
  ),
});

export async function search(context: Context): Promise<number> {
  const { words, where } = questionIn(context.args);
  const service = await openService(context);
  try {
    const { hits } = await service.call(Hits, 'POST', '/api/search', { query: words, limit: 5, ...where });
    if (hits.length === 0) process.stdout.write('Nothing fits.\n');
    for (const [at, hit] of hits.entries())
      process.stdout.write(`${at + 1}. ${head(hit)}\n${indent(hit.text)}\n\n`);
    return hits.length > 0 ? 0 : 1;
  } finally {
    await service.close();
  }
}

function head({ document, page, ranks }: z.infer<typeof Hits>['hits'][number]): string {
  const place = page === null ? '' : `, page ${page}`;
  const found = [
    ranks.keyword === null ? '' : `words #${ranks.keyword}`,
    ranks.vector === null ? '' : `meaning #${ranks.vector}`,
  ];
  return `${document.uri}${place} (${found.filter(Boolean).join(', ')})`;
}

function indent(text: string): string {
  return text
    .split('\n')
    .map((line) => `   ${line}`)
    .join('\n');
}
