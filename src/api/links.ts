import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Database } from '../sqlite.ts';

const SCHEMA = ['create table link_secret(secret blob not null)'];
const SIGNATURE_BYTES = 18;

export type Links = Awaited<ReturnType<typeof createLinks>>;

/**
 * Addresses that open one picture without a key, since chat programs show pictures by their address alone. Such an
 * address is as good as a key for this one path and for nothing else.
 */
export async function createLinks(database: Database) {
  database.migrate('links', SCHEMA);
  const secret = await database.write((connection) => {
    const known = connection.get<{ secret: Uint8Array }>('select secret from link_secret');
    if (known) return known.secret;
    const made = randomBytes(32);
    connection.run('insert into link_secret values (?)', made);
    return made;
  });
  const signatureOf = (path: string): Buffer =>
    createHmac('sha256', secret).update(path).digest().subarray(0, SIGNATURE_BYTES);

  return {
    sign: (path: string): string => `${path}?s=${signatureOf(path).toString('base64url')}`,
    /** Whether the address is one that was signed here, whatever else it asks for. */
    holds(address: string): boolean {
      const { pathname, searchParams } = new URL(address, 'http://limner');
      const sent = Buffer.from(searchParams.get('s') ?? '', 'base64url');
      return sent.length === SIGNATURE_BYTES && timingSafeEqual(sent, signatureOf(pathname));
    },
  };
}
