/** Random numbers that come again with their seed. */
import { createHash, randomInt } from 'node:crypto';

/** SAFEKEEP_SEED; where it is not given, one for this run and all its processes, which start later. */
export function seedOfRun(): string {
  return (process.env['SAFEKEEP_SEED'] ??= String(randomInt(1_000_000)));
}

/** Numbers from 0 up to 1. */
export function numbersFrom(seed: string): () => number {
  let count = 0;
  return () => {
    const hash = createHash('sha256')
      .update(`${seed} ${(count += 1)}`)
      .digest();
    return hash.readUInt32BE(0) / 2 ** 32;
  };
}
