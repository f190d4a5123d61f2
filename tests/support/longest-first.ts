/** Files that take long begin first, so that none is left to run alone in the end (vitest.config.ts). */
import path from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** In this order; all others follow. */
const LONGEST = [
  'tests/unit/lint.test.ts',
  'tests/browser/walk-',
  'tests/integration/fault-cut.test.ts',
  'tests/kill/app-',
  'tests/kill/engine-',
  'tests/integration/soak.test.ts',
  'tests/integration/round-trip.test.ts',
  'tests/integration/killed-host.test.ts',
  'tests/integration/verify.test.ts',
  'tests/integration/fault-',
  'tests/integration/postgres-driver-',
  'tests/integration/mysql-driver-kill.test.ts',
  'tests/browser/start.test.ts',
];

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const file = path.relative(this.ctx.config.root, moduleId);
      const at = LONGEST.findIndex((beginning) => file.startsWith(beginning));
      return at < 0 ? LONGEST.length : at;
    };
    return (await super.sort(files)).sort((one, other) => rank(one) - rank(other));
  }
}
