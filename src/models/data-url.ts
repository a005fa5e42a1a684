import { LimnerError } from '../errors.ts';

/** The bytes of a `data:` URL that is written in base64. @throws LimnerError `invalid_request`. */
export function bytesOfDataUrl(url: string): Uint8Array {
  const [, base64] = /^data:image\/[\w.+-]+;base64,([A-Za-z0-9+/=\s]+)$/.exec(url) ?? [];
  if (base64 !== undefined) return Buffer.from(base64, 'base64');
  throw new LimnerError(
    'invalid_request',
    'A picture has to be a data: URL in base64 (data:image/png;base64,...).',
    {
      param: 'messages',
    },
  );
}
