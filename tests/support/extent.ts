/** How much is tried of what only repeats: `npm test` takes samples, `npm run matrix` everything (docs/development.md). */
import { numbersFrom, seedOfRun } from './seed';

export const isFull = process.env['SAFEKEEP_EXTENT'] === 'full';

/** Everything in `npm run matrix`; else `count` of it: the first, the last and, by the seed of the run, some of between. */
export function sampleOf<T>(all: readonly T[], count: number): T[] {
  if (isFull || all.length <= count) return [...all];
  if (count === 0) return [];
  const next = numbersFrom(seedOfRun());
  const stretch = (all.length - 2) / (count - 2);
  const between = Array.from({ length: count - 2 }, (_, n) => {
    const [begin, end] = [Math.floor(n * stretch), Math.floor((n + 1) * stretch)];
    return 1 + begin + Math.floor(next() * (end - begin));
  });
  const chosen = new Set([0, ...between, all.length - 1]);
  return all.filter((_, at) => chosen.has(at));
}
