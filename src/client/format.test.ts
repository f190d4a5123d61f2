import { describe, expect, it } from 'vitest';
import { fill } from './testing/fill';
import { formatAge, formatBytes, formatDuration, formatMoment } from './format';

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
    const lengths = [200, 42_000, 185_000, 7_860_000].map((ms) => formatDuration(ms, fill));
    expect(lengths).toEqual(['< 1 s', '42 s', '3 min 5 s', '2 h 11 min']);
  });
});

describe('when', () => {
  it('has the order and the words of the language', () => {
    const chinese = (sentence: string) => (sentence === 'D MMM YYYY, HH:mm' ? 'YYYY年M月D日 HH:mm' : sentence);
    expect(formatMoment('2026-11-21T12:00:00.000Z', fill)).toMatch(/^21 Nov 2026, \d\d:00$/);
    expect(formatMoment('2026-11-21T12:00:00.000Z', chinese)).toMatch(/^2026年11月21日 \d\d:00$/);
  });

  it('is an age of one unit, never more than has passed', () => {
    const minute = 60_000;
    const ages = [5000, 40 * minute, 100 * minute, 47 * 60 * minute, 3.9 * 1440 * minute, 70 * 1440 * minute];
    expect(ages.map((ms) => formatAge(ms, 'en-US'))).toEqual([
      '1 minute',
      '40 minutes',
      '1 hour',
      '47 hours',
      '3 days',
      '2 months',
    ]);
    expect(formatAge(3 * 1440 * minute, 'zh-CN')).toBe('3天');
  });
});
