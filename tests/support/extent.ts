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

/**
 * For tests that run the same points in several places: everything in `npm run matrix`; else the share of the place number
 * `part` of `parts`. The shares together are everything, and the seed of the run tells which place gets which.
 */
export function shareOf<T>(all: readonly T[], part: number, parts: number): T[] {
  if (isFull) return [...all];
  const offset = Math.floor(numbersFrom(seedOfRun())() * parts);
  return all.filter((_, at) => (at + offset) % parts === part);
}

/** For points whose number shows only when they are gone through: every one in `npm run matrix`; else each `step`-th. */
export function strideOf(step: number): { first: number; step: number } {
  if (isFull) return { first: 0, step: 1 };
  return { first: Math.floor(numbersFrom(seedOfRun())() * step), step };
}
