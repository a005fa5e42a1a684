import { expect, test } from 'vitest';
import { drawn } from '../../src/api/mcp-results.ts';

test.each([
  ['done', false],
  ['waiting', false],
  ['running', false],
  ['failed', true],
  ['cancelled', true],
  ['lost', true],
])('a picture whose job is %s is told as an error: %s', async (state, isError) => {
  const result = await drawn({ state, outputs: [] }, () => Promise.reject(new Error('There is none.')));
  expect(result).toMatchObject({ isError, content: [{ type: 'text' }] });
});
