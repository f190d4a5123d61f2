/** The tests of one strategy. How many kills they try is told by the environment, and by who runs them. */
import { expect, test } from 'vitest';
import { Matrix } from './matrix';
import { seedOfRun } from './seed';
import type { Strategy } from './strategies';

const seed = seedOfRun();

export function killMatrixOf(strategy: Strategy): void {
  test.each(['restore', 'undo', 'backup'] as const)(
    'a killed %s leaves the old state or the new',
    async (operation) => {
      const tally = await new Matrix(strategy, operation).run(Number(process.env.N ?? 3), seed);
      console.log(JSON.stringify(tally, null, 1));
      expect(tally.failures).toEqual([]);
    },
  );
}
