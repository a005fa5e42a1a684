import { pictureBody } from './api/images.ts';
import type { ImageJob } from './comfy/job.ts';
import type { OnEnded } from './comfy/jobs.ts';
import type { Notices } from './ingest/notices.ts';
import type { Queue } from './ingest/queue.ts';

/**
 * Who wants to be told when a picture is finished or failed: written down with the picture's own end, so that no crash
 * loses it, and sent off after.
 */
export function createPictureNotices(notices: Notices, queue: Queue) {
  const onEnded: OnEnded = (connection, job) => {
    const event = eventOf(job);
    if (event) notices.write(connection, event, pictureBody(job));
  };
  return {
    onEnded,
    onChange: (job: ImageJob): void => {
      if (eventOf(job)) queue.wake();
    },
  };
}

function eventOf({ state }: ImageJob): 'image.finished' | 'image.failed' | undefined {
  if (state === 'done') return 'image.finished';
  return state === 'failed' || state === 'lost' ? 'image.failed' : undefined;
}
