import { defineConfig } from 'vitest/config';
import { isFull } from './tests/support/extent';
import { LongestFirst } from './tests/support/longest-first';
import { seedOfRun } from './tests/support/seed';

const servers = 'tests/support/global-setup.ts';
const HOURS = 3 * 3_600_000;
// The test processes inherit it.
seedOfRun();

export default defineConfig({
  test: {
    // Real servers and real hosts share the machine; they wait for the disk more than they work.
    maxWorkers: 3,
    minWorkers: 1,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['src/**/*.test.{ts,tsx}', 'tests/unit/**/*.test.ts'],
          testTimeout: isFull ? HOURS : 20_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['tests/integration/**/*.test.ts'],
          pool: 'forks',
          globalSetup: servers,
          setupFiles: 'tests/support/app-environment.ts',
          testTimeout: isFull ? HOURS : 120_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'kill',
          include: ['tests/kill/**/*.test.ts'],
          // What an app adds to its database is the same with each: SQLite here, the others in `npm run matrix`.
          exclude: isFull ? [] : ['tests/kill/app-{mariadb,postgres}.test.ts'],
          pool: 'forks',
          globalSetup: [servers, 'tests/kill/harness/bundle.ts'],
          testTimeout: isFull ? HOURS : 900_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'browser',
          include: ['tests/browser/**/*.test.ts'],
          // The same steps as on SQLite, with the clients swapped: in `npm run matrix`.
          exclude: isFull ? [] : ['tests/browser/walk-postgres.test.ts'],
          pool: 'forks',
          globalSetup: servers,
          testTimeout: 240_000,
          hookTimeout: 240_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
