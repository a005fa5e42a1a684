import { expect, test } from 'vitest';
import { parseConfig } from '../src/config.ts';
import { secretsOf } from '../src/secrets.ts';

const SERVERS = ['LIMNER_CHAT', 'LIMNER_EMBED', 'LIMNER_TRANSCRIBE', 'LIMNER_RERANK', 'QDRANT'];
const names = parseConfig({}, '/')
  .settings.filter((setting) => setting.is_secret)
  .map(({ name }) => name);

test.each(names)('%s never stands in a log line', (name) => {
  const addresses = Object.fromEntries(SERVERS.map((server) => [`${server}_URL`, 'http://127.0.0.1:9']));
  expect(secretsOf(parseConfig({ ...addresses, [name]: 'whsec_c2VjcmV0' }, '/'))).toContain('whsec_c2VjcmV0');
});
