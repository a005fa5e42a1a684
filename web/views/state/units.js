const number = new Intl.NumberFormat('en');
const UNITS = ['B', 'KB', 'MB', 'GB', 'TB'];

/** `?` for what cannot be asked now. */
export const count = (value) => (value === null ? '?' : number.format(value));
export const percent = (share) => `${Math.round(share * 100)} %`;

/** `1536` is `1.5 KB`. */
export function bytes(value) {
  const at = value < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(value) / 10));
  const amount = value / 1024 ** at;
  return `${amount.toFixed(at === 0 || amount >= 100 ? 0 : 1)} ${UNITS[at]}`;
}

/** `1 document`, `2 documents`. */
export const many = (value, noun) => `${count(value)} ${noun}${value === 1 ? '' : 's'}`;
