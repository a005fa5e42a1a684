import { z } from 'zod';

/** An empty variable means "not set", as in a compose file or a `.env` copied from the example. */
export const unset = (value: unknown): unknown =>
  typeof value === 'string' && value.trim() === '' ? undefined : value;

export const text = (fallback: string) => z.preprocess(unset, z.string().default(fallback));
export const optional = z.preprocess(unset, z.string().optional());
export const whole = (fallback: number, minimum: number, maximum: number) =>
  z.preprocess(unset, z.coerce.number().int().min(minimum).max(maximum).default(fallback));
export const number = (fallback: number, minimum: number, maximum: number) =>
  z.preprocess(unset, z.coerce.number().min(minimum).max(maximum).default(fallback));
export const list = z.preprocess(
  unset,
  z
    .string()
    .default('')
    .transform((value) =>
      value
        .split(',')
        .map((part) => part.trim())
        .filter(Boolean),
    ),
);
export const url = z.preprocess(unset, z.url({ protocol: /^https?$/ }).optional());
/** A whole number that nothing stands for when it is not set. */
export const count = (maximum: number) =>
  z.preprocess(unset, z.coerce.number().int().min(1).max(maximum).optional());
/** Several addresses, with credentials where they want some. */
export const addresses = list.refine(
  (all) => all.every((one) => URL.canParse(one) && /^https?:\/\//.test(one)),
  'every entry must be an http or https address',
);

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}
