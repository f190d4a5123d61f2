import { defineConfig } from 'vitest/config';

/** The whole kill matrix: every boundary, and all random instants on every strategy (docs/development.md). */
export default defineConfig({
  test: {
    name: 'matrix',
    include: ['tests/kill/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    minWorkers: 1,
    globalSetup: ['tests/support/global-setup.ts', 'tests/kill/harness/bundle.ts'],
    setupFiles: 'tests/support/app-environment.ts',
    testTimeout: 3_600_000,
    hookTimeout: 120_000,
    disableConsoleIntercept: true,
  },
});
