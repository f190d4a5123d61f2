import { describe, expect, it } from 'vitest';
import { fill } from './testing/fill';
import { formatBytes, formatDuration } from './format';

describe('what people read', () => {
  it('sizes have one decimal and decimal units', () => {
    expect([0, 999, 1000, 12_345_678, 999_950, 999_949_999, 5e12].map(formatBytes)).toEqual([
      '0 B',
      '999 B',
      '1.0 kB',
      '12.3 MB',
      '1.0 MB',
      '999.9 MB',
      '5.0 TB',
    ]);
  });

  it('durations name two units at most', () => {
    const told = [200, 42_000, 185_000, 7_860_000].map((ms) => formatDuration(ms, fill));
    expect(told).toEqual(['< 1 s', '42 s', '3 min 5 s', '2 h 11 min']);
  });
});
