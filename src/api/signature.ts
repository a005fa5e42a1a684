import { createHmac, timingSafeEqual } from 'node:crypto';
import { LimnerError } from '../errors.ts';

/** Signatures in one header that are looked at; a rotation needs two. */
const MAX_SIGNATURES = 10;
const TOLERANCE_SECONDS = 300;

export interface Delivery {
  id: string | undefined;
  timestamp: string | undefined;
  /** `v1,<base64>`, several separated by spaces. */
  signatures: string | undefined;
  body: Buffer;
}

/**
 * Verifies a delivery by Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`, over the bytes as they came.
 * Throws `unauthorized`, with one message whatever is wrong, so that nothing can be learnt from it.
 */
export function verifyDelivery(
  delivery: Delivery,
  secrets: readonly string[],
  now = Date.now(),
): { id: string } {
  const { id, timestamp } = delivery;
  if (id === undefined || !/^[\x21-\x2d\x2f-\x7e]{1,128}$/.test(id)) throw notSigned();
  if (timestamp === undefined || !/^\d{1,12}$/.test(timestamp)) throw notSigned();
  if (Math.abs(now / 1000 - Number(timestamp)) > TOLERANCE_SECONDS) throw notSigned();
  const expected = secrets.map((secret) => sign(secret, id, timestamp, delivery.body));
  const sent = (delivery.signatures ?? '').split(' ').slice(0, MAX_SIGNATURES).map(toBytes);
  if (!expected.some((one) => sent.some((other) => isEqual(one, other)))) throw notSigned();
  return { id };
}

function notSigned(): LimnerError {
  return new LimnerError('unauthorized', 'The delivery is not signed as it has to be, or it is too old.');
}

/** A secret is base64 behind `whsec_`; any other text is taken as it is. */
function sign(secret: string, id: string, timestamp: string, body: Buffer): Buffer {
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : Buffer.from(secret);
  return createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest();
}

function toBytes(signature: string): Buffer {
  return signature.startsWith('v1,') ? Buffer.from(signature.slice(3), 'base64') : Buffer.alloc(0);
}

function isEqual(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}
