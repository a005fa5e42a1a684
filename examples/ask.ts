/** Sends a text, finds it and prints what was found: `LIMNER_URL=... LIMNER_KEY=... node examples/ask.ts` */
const address = process.env['LIMNER_URL'] ?? 'http://127.0.0.1:8400';
const key = process.env['LIMNER_KEY'];

async function call(path: string, body: object): Promise<unknown> {
  const response = await fetch(address + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(key && { authorization: `Bearer ${key}` }) },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(30_000),
  });
  if (!response.ok) throw new Error(await response.text());
  return response.json();
}

await call('/api/documents', { text: 'The heron stands in the reeds.', external_id: 'example' });
process.stdout.write(`${JSON.stringify(await call('/api/search', { query: 'heron' }))}\n`);
