import type { Arrivals } from './arrivals.ts';
import { createPreview, type PreviewParts } from './preview.ts';
import { createVerify, type VerifyParts } from './verify.ts';

/** The watched folder as a whole: what a scan would do, the scan, and whether everything is as it was promised. */
export function createWholeFolder(
  parts: PreviewParts & VerifyParts & { arrivals: Pick<Arrivals, 'scan' | 'confirmForget'> },
) {
  return {
    preview: createPreview(parts),
    scan: parts.arrivals.scan,
    verify: createVerify(parts),
    forget: parts.arrivals.confirmForget,
  };
}
