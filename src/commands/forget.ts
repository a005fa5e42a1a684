import { z } from 'zod';
import { LimnerError } from '../errors.ts';
import type { Context } from '../command-line.ts';
import { openService } from './service.ts';

const Forgotten = z.object({ forgotten: z.number() });

/** Only the running service knows what its brake holds. */
export async function forget(context: Context): Promise<number> {
  const service = await openService(context);
  try {
    if (service.address === undefined)
      throw new LimnerError('conflict', 'The service is not running; only it knows which files are missing.');
    const { forgotten } = await service.call(Forgotten, 'POST', '/api/inbox/forget', {});
    process.stdout.write(
      forgotten === 0 ? 'No files are held.\n' : `${forgotten} documents are forgotten.\n`,
    );
    return 0;
  } finally {
    await service.close();
  }
}
