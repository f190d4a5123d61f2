/** The tests of one strategy. */
import { describe, expect, test } from 'vitest';
import type { Operation } from '../protocol';
import { Matrix } from './matrix';
import { seedOfRun } from './seed';
import type { Strategy } from './strategies';
import { addTally, type Tally } from './tally';

/** Instants at which a switchover is halfway: folders are switched over and the database is not; all is switched over, but not recorded. */
const HALF_WAY = ['before driver.switchOver', 'after driver.switchOver'];
/** How many instants at which a process dies without the tools that it started. */
const ORPHANS = 3;

/** What of the matrix is tried. */
export interface Extent {
  /** Random instants. */
  random: Record<Operation, number>;
  /** Boundaries of these names. */
  boundaries: RegExp;
  /** Those of a recovery that is killed itself. */
  recoveries: RegExp;
}

const RANDOM = { restore: 30, undo: 30, backup: 30 };
const NONE = /(?!)/;

/** `npm run matrix` tries everything; SAFEKEEP_KILLS=random the random instants alone. */
const EXTENTS: Record<string, Extent> = {
  all: { random: RANDOM, boundaries: /^/, recoveries: /^/ },
  random: { random: RANDOM, boundaries: NONE, recoveries: NONE },
};

/**
 * What `npm test` tries: everything where a kill costs least. Renames of folders are the same with every database, and what a
 * connection that is cut at each single statement does, the tests of the drivers know.
 */
export const USUAL = {
  sqlite: { random: RANDOM, boundaries: /^/, recoveries: /^(before|after) (driver|journal)/ },
  servers: {
    random: { restore: 5, undo: 3, backup: 2 },
    boundaries: /^(before|after) (driver|journal|keep|conclude)|^step \w+ begins/,
    recoveries: /^(before|after) driver/,
  },
  apps: {
    random: { restore: 2, undo: 1, backup: 1 },
    boundaries: /^(before|after) (journal (switch|removed)|app reload)/,
    recoveries: NONE,
  },
} satisfies Record<string, Extent>;

/** The way from a boundary through an app to the next start takes seconds: without being asked, for restores only. */
function isTried({ kind }: Strategy, operation: Operation): boolean {
  return kind === 'engine' || operation === 'restore' || process.env['SAFEKEEP_KILLS'] === 'all';
}

export function killMatrixOf(strategy: Strategy, usual: Extent): void {
  const { random, boundaries, recoveries } = EXTENTS[process.env['SAFEKEEP_KILLS'] ?? ''] ?? usual;
  const seed = seedOfRun();

  describe(`${strategy.name}, ${strategy.kind}`, () => {
    test.each(['restore', 'undo', 'backup'] as const)(
      'a killed %s leaves the old state or the new',
      async (operation) => {
        const matrix = new Matrix(strategy, operation);
        const work = async () => {
          if (isTried(strategy, operation)) await matrix.boundaries(boundaries);
          await matrix.instants(random[operation], seed);
        };
        passed(await matrix.whole(work));
      },
    );

    if (strategy.kind !== 'engine') return;

    test('a recovery that is killed is gone on with by the next', async () => {
      const matrix = new Matrix(strategy, 'restore', 'recovery');
      const work = async () => {
        for (const boundary of HALF_WAY) await matrix.recoveries(boundary, recoveries);
      };
      passed(await matrix.whole(work));
    });

    if (strategy.name === 'sqlite file') return;

    test('tools that outlive a killed restore do no harm', async () => {
      const matrix = new Matrix(strategy, 'restore', 'restore alone');
      passed(await matrix.whole(() => matrix.instants(ORPHANS, seed, 'process')));
    });
  });
}

function passed(tally: Tally): void {
  addTally(tally);
  expect(tally.failures).toEqual([]);
  expect(tally.survived).toBe(tally.named + tally.random);
}
