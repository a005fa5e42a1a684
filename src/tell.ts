import { pictureBody } from './api/images.ts';
import type { Images } from './comfy/images.ts';
import type { Notices } from './ingest/notices.ts';
import type { Log } from './log.ts';

/** Tells those who want to be told when a picture is finished or failed. */
export function tellOfPictures(images: Images, notices: Notices, log: Log): void {
  images.events.on('change', (job) => {
    if (job.state !== 'done' && job.state !== 'failed') return;
    const event = job.state === 'done' ? 'image.finished' : 'image.failed';
    notices
      .tell(event, pictureBody(job))
      .catch((error: unknown) => log.error({ err: error }, 'a notice of a picture was not kept'));
  });
}
