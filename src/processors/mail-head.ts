/** What the head of a message says, in order; an empty value is left out. */
export type HeadFields = readonly (readonly [name: string, value: string | undefined])[];

/** The lines of a message in the manner of Markdown: its head with a name before each field, then its text; none of an empty one. */
export function messageLines(head: HeadFields, body: readonly string[]): string[] {
  const fields = head.flatMap(([name, value]) => (value ? [`**${name}:** ${value}`] : []));
  if (fields.length === 0 && body.every((line) => line.trim() === '')) return [];
  return ['# Email Message', '', ...fields, '', '## Content', '', ...body];
}

/** The address before the name: in angle brackets behind it Markdown would take it for a link or for HTML. */
export function personInWords(name = '', address = ''): string {
  return name && address && name !== address ? `${address} (${name})` : address || name;
}
