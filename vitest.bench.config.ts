import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    name: 'bench',
    include: ['tests/bench/**/*.test.ts'],
    pool: 'forks',
    // What runs beside a measurement is part of it.
    maxWorkers: 1,
    minWorkers: 1,
    globalSetup: 'tests/support/global-setup.ts',
    disableConsoleIntercept: true,
    hookTimeout: 600_000,
  },
});
