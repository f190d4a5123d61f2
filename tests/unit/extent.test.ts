import { afterEach, expect, it, vi } from 'vitest';
import { sampleOf, shareOf, strideOf } from '../support/extent';

const ALL = Array.from({ length: 40 }, (_, n) => n);

afterEach(() => vi.unstubAllEnvs());

it('takes as many as asked for, in order, the first and the last among them, and no stretch is left out', () => {
  for (let seed = 0; seed < 50; seed += 1) {
    vi.stubEnv('SAFEKEEP_SEED', String(seed));
    for (const count of [3, 7, 38, 39]) {
      const sample = sampleOf(ALL, count);
      expect(sample).toHaveLength(count);
      expect([sample[0], sample.at(-1)]).toEqual([0, 39]);
      expect(sample).toEqual(sample.toSorted((a, b) => a - b));
      const gaps = sample.slice(1).map((at, n) => at - (sample[n] ?? 0));
      expect(Math.max(...gaps)).toBeLessThanOrEqual(2 * Math.ceil(38 / (count - 2)));
    }
  }
});

it('takes the same with the same seed, and others with another', () => {
  const samples = ['1', '1', '2'].map((seed) => {
    vi.stubEnv('SAFEKEEP_SEED', seed);
    return sampleOf(ALL, 7);
  });
  expect(samples[0]).toEqual(samples[1]);
  expect(samples[0]).not.toEqual(samples[2]);
});

it('shares everything out between the places, and with the seed in another way', () => {
  const firstShares = new Set<number | undefined>();
  for (let seed = 0; seed < 50; seed += 1) {
    vi.stubEnv('SAFEKEEP_SEED', String(seed));
    const shares = [0, 1, 2].map((part) => shareOf(ALL, part, 3));
    expect(shares.flat().sort((a, b) => a - b)).toEqual(ALL);
    expect(Math.min(...shares.map(({ length }) => length))).toBe(13);
    firstShares.add(shares[0]?.[0]);
  }
  expect([...firstShares].sort()).toEqual([0, 1, 2]);
});

it('walks by steps, beginning anywhere in the first', () => {
  const seeds = Array.from({ length: 50 }, (_, seed) => String(seed));
  const strides = seeds.map((seed) => {
    vi.stubEnv('SAFEKEEP_SEED', seed);
    return strideOf(3);
  });
  expect(new Set(strides.map(({ first }) => first))).toEqual(new Set([0, 1, 2]));
  expect(new Set(strides.map(({ step }) => step))).toEqual(new Set([3]));
});

it('takes everything where there is no more, and in the whole matrix', async () => {
  expect(sampleOf(ALL, 40)).toEqual(ALL);
  vi.stubEnv('SAFEKEEP_EXTENT', 'full');
  vi.resetModules();
  const full = await import('../support/extent');
  expect(full.sampleOf(ALL, 3)).toEqual(ALL);
  expect(full.shareOf(ALL, 0, 3)).toEqual(ALL);
  expect(full.strideOf(3)).toEqual({ first: 0, step: 1 });
});
