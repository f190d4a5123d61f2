import { defineConfig } from 'vitest/config';

/** `npm run reach`: real servers of other releases (docs/development.md). */
export default defineConfig({
  test: {
    name: 'reach',
    include: ['tests/reach/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 1,
    minWorkers: 1,
    disableConsoleIntercept: true,
    testTimeout: 600_000,
    // Debian releases are downloaded and unpacked the first time.
    hookTimeout: 3_600_000,
  },
});
