import { z } from 'zod';

/** What the process that makes thumbnails is asked, and what it answers. */
export const ThumbnailRequest = z.object({ path: z.string(), size: z.number() });
export type ThumbnailRequest = z.infer<typeof ThumbnailRequest>;

export type ThumbnailReply = { bytes: Uint8Array } | { problem: 'limit' | 'corrupt' };
export const ThumbnailReply: z.ZodType<ThumbnailReply> = z.union([
  z.object({ bytes: z.instanceof(Uint8Array) }),
  z.object({ problem: z.enum(['limit', 'corrupt']) }),
]);
