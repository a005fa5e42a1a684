import type { Arrivals } from './arrivals.ts';
import { createPreview, type Preview, type PreviewParts } from './preview.ts';
import { walk } from './scan.ts';
import { createVerify, type VerifyParts } from './verify.ts';

/** The watched folder as a whole: what a scan would do, the scan, and whether everything is as it was promised. */
export function createWholeFolder(
  parts: PreviewParts & VerifyParts & { arrivals: Pick<Arrivals, 'scan' | 'confirmForget'> },
) {
  const previewOf = createPreview(parts);
  const look = () => walk(parts.inbox.root, parts.folders);

  return {
    preview: async (): Promise<Preview> => previewOf(await look()),
    /** Tells what it does. */
    async scan(): Promise<Preview> {
      const found = await look();
      const preview = await previewOf(found);
      await parts.arrivals.scan(found);
      return preview;
    },
    verify: createVerify(parts),
    forget: parts.arrivals.confirmForget,
  };
}
