import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Preview } from '../ingest/preview.ts';
import type { Verified } from '../ingest/verify.ts';
import { parse } from './failure.ts';

export const ScanBody = z.strictObject({ dry_run: z.boolean().default(false) });
export const VerifyQuery = z.strictObject({ deep: z.stringbool().default(false) });

export interface InboxRoutes {
  folder: {
    /** What a scan would do now. */
    preview: () => Promise<Preview>;
    /** Compares the folder with the ledger now; what differs, which it tells, is read as soon as it is quiet. */
    scan: () => Promise<Preview>;
    /** Whether folder, ledger and store say the same. */
    verify: (options: { deep: boolean }) => Promise<Verified>;
    /** Forgets what the brake holds. */
    forget: () => Promise<number>;
  };
}

/** The watched folder as a whole. */
export function inboxRoutes(server: FastifyInstance, { folder }: InboxRoutes): void {
  server.post('/api/inbox/scan', async ({ body }, reply) => {
    const { dry_run: dryRun } = parse(ScanBody, body ?? {});
    const preview = await (dryRun ? folder.preview() : folder.scan());
    return reply.code(dryRun ? 200 : 202).send({ dry_run: dryRun, ...preview });
  });

  server.post('/api/inbox/forget', async () => ({ forgotten: await folder.forget() }));

  server.get('/api/verify', ({ query }) => folder.verify(parse(VerifyQuery, query)));
}
