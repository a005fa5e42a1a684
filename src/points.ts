import { channel } from 'node:diagnostics_channel';

/** Places where a crash would meet the work half done. docs/reliability.md says which test ends the process at each. */
export type Point =
  | 'upload kept'
  | 'upload listed'
  | 'upload placed'
  | 'claimed'
  | 'taken'
  | 'extracted'
  | 'cached'
  | 'storing'
  | 'stored'
  | 'removed'
  | 'moved'
  | 'finished'
  | 'embedded'
  | 'vectors stored'
  | 'notice sent';

const points = channel('limner:point');

/** Tells whoever listens in this process that the work has come to `point`; without a listener it costs nothing. */
export function reach(point: Point): void {
  if (points.hasSubscribers) points.publish(point);
}
