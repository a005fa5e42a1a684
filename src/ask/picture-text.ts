import type { ImageJob } from '../comfy/job.ts';
import type { Illustration } from './illustrate.ts';

/** Makes an address that opens without a key from a path on this server. */
export type Link = (path: string) => string;

/**
 * A picture as Markdown, for programs that show nothing but text. One that is still being made is a link that answers
 * with a placeholder until it is there. It says that it is made, of what, and how.
 */
export function pictureText(illustration: Illustration, link: Link): string {
  if ('error' in illustration) return `*No picture: ${escapeMarkdown(illustration.error.message)}*`;
  if ('job' in illustration) return madeText(illustration.job, link);
  const { url, title, page } = illustration.figure;
  const place = page === null ? title : `${title}, page ${page}`;
  return `![Figure](${link(url)})\n\n*Figure of ${escapeMarkdown(place)}*`;
}

function madeText({ id, state, error, workflow, inputs, passages }: ImageJob, link: Link): string {
  if (error && state !== 'waiting') return `*The picture was not made: ${escapeMarkdown(error.message)}*`;
  const seed = typeof inputs['seed'] === 'number' ? `, seed ${inputs['seed']}` : '';
  const sources = passages.map(({ title, url }) => `[${escapeMarkdown(title)}](${url})`);
  const from = sources.length > 0 ? ` from ${sources.join(', ')}` : '';
  return `![Generated picture](${link(pendingPath(id))})\n\n*Generated${from} (${escapeMarkdown(workflow)}${seed}); it is no evidence.*`;
}

/** The path that answers with the picture of a job, or with a placeholder until it is there. */
export function pendingPath(job: string): string {
  return `/media/pending/${job}`;
}

/** Data inside Markdown: nothing in it is read as such. */
export function escapeMarkdown(text: string): string {
  return text.replaceAll(/\s+/g, ' ').replaceAll(/[\\`*_{}[\]<>()#!|~]/g, '\\$&');
}
