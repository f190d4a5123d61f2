import { defineConfig } from 'vitest/config';

/** `npm run matrix`: every kill of the kill matrix, and the walk through the pages with clients swapped (docs/development.md). */
export default defineConfig({
  test: {
    name: 'matrix',
    include: ['tests/kill/**/*.test.ts', 'tests/browser/walk-postgres.test.ts'],
    pool: 'forks',
    // Two at a time, as in vitest.config.ts.
    maxWorkers: 2,
    minWorkers: 1,
    env: { SAFEKEEP_KILLS: process.env['SAFEKEEP_KILLS'] ?? 'all' },
    globalSetup: ['tests/support/global-setup.ts', 'tests/kill/harness/bundle.ts'],
    testTimeout: 3 * 3_600_000,
    hookTimeout: 240_000,
  },
});
