/** The tests of one strategy. */
import { afterAll, describe, expect, test } from 'vitest';
import { isFull } from '../../support/extent';
import { seedOfRun } from '../../support/seed';
import type { Operation } from '../protocol';
import { type Boundaries, Matrix } from './matrix';
import type { Strategy } from './strategies';
import { addTally, type Tally } from './tally';

/** Instants at which a switchover is halfway: folders are switched over and the database is not; all is switched over, but not recorded. */
const HALF_WAY = ['before driver.switchOver', 'after driver.switchOver'];
/** What of the matrix is tried. */
export interface Extent {
  boundaries: Boundaries;
  /** Random instants. */
  random: Record<Operation, number>;
  /** Random instants at which a process dies without the tools that it started. */
  orphans: number;
}

/** What `npm run matrix` tries. */
const EVERYTHING: Extent = {
  boundaries: { named: /^/, others: 0 },
  random: { restore: 30, undo: 30, backup: 30 },
  orphans: 3,
};

/** The begin of each step and each change of the journal, the database and the history: one on either side of it. */
const TURNING_POINTS =
  /^step (open|compatibility|checksum|checkStaged|prepare|database|files|finish) begins|^after (driver|journal|keep|conclude)|^before driver\.switch/;

/** Either side of a switchover, and of the end of its journal: tried with every strategy. */
const SWITCHOVERS = /^(before|after) driver\.switch|^after journal (switch|removed)/;

/**
 * What `npm test` tries: most where a kill costs least. Renames of folders are the same with every database, and what a
 * connection that is cut at each single statement does, the tests of the drivers know.
 */
export const SAMPLES = {
  sqlite: {
    boundaries: { named: TURNING_POINTS, others: 6 },
    random: { restore: 2, undo: 2, backup: 2 },
    orphans: 0,
  },
  servers: {
    boundaries: { named: SWITCHOVERS, shared: TURNING_POINTS, others: 0 },
    random: { restore: 1, undo: 1, backup: 1 },
    orphans: 1,
  },
  apps: {
    boundaries: { named: /^after (journal (switch|removed)|app reload)/, others: 0 },
    random: { restore: 1, undo: 1, backup: 1 },
    orphans: 0,
  },
} satisfies Record<string, Extent>;

/** The way from a boundary through an app to the next start takes seconds: in `npm test` for restores only. */
function isTried({ kind }: Strategy, operation: Operation): boolean {
  return kind === 'engine' || operation === 'restore' || isFull;
}

export function killMatrixOf(strategy: Strategy, sample: Extent): void {
  const { random, boundaries, orphans } = isFull ? EVERYTHING : sample;
  const seed = seedOfRun();

  describe(`${strategy.name}, ${strategy.kind}`, () => {
    const matrix = new Matrix(strategy);
    afterAll(() => matrix.drop());

    test.each(['restore', 'undo', 'backup'] as const)(
      'a killed %s leaves the old state or the new',
      async (operation) => {
        const work = async () => {
          if (isTried(strategy, operation)) await matrix.boundaries(boundaries);
          await matrix.instants(random[operation], seed);
        };
        passed(await matrix.kills(operation, work));
      },
    );

    if (strategy.kind !== 'engine') return;

    test('a recovery that is killed is gone on with by the next', async () => {
      const work = async () => {
        for (const boundary of HALF_WAY) await matrix.recoveries(boundary, boundaries);
      };
      passed(await matrix.kills('restore', work, 'recovery'));
    });

    if (strategy.name === 'sqlite file') return;

    test('tools that outlive a killed restore do no harm', async () => {
      passed(await matrix.kills('restore', () => matrix.instants(orphans, seed, 'process'), 'restore alone'));
    });
  });
}

function passed(tally: Tally): void {
  addTally(tally);
  expect(tally.failures).toEqual([]);
  expect(tally.survived).toBe(tally.named + tally.random);
}
