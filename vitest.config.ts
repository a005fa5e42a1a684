import { defineConfig } from 'vitest/config';
import { PATIENCE_MS } from './test/until.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    expect: { poll: { timeout: PATIENCE_MS } },
  },
});
