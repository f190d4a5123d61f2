import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: { name: 'bench', include: ['tests/bench/**/*.test.ts'], pool: 'forks', disableConsoleIntercept: true },
});
