import { describe, expect, it } from 'vitest';
import { retain } from './retention';

const backup = (day: number, isProtected = false) => ({
  name: `b${day}`,
  isProtected,
  startedAt: `2026-11-${String(day).padStart(2, '0')}T00:00:00.000Z`,
});

describe('retention', () => {
  it('keeps the newest ones and lets the rest go', () => {
    const decisions = retain([backup(1), backup(3), backup(2)], 2);
    expect(decisions.filter(({ keep }) => !keep)).toEqual([{ name: 'b1', keep: false, reason: 'over the limit' }]);
    expect(decisions.map(({ name }) => name)).toEqual(['b3', 'b2', 'b1']);
  });

  it('keeps pinned ones beyond the limit, and they do not take a place', () => {
    const kept = retain([backup(1, true), backup(2), backup(3), backup(4)], 2).filter(({ keep }) => keep);
    expect(kept.map(({ name }) => name)).toEqual(['b4', 'b3', 'b1']);
  });

  it('keeps everything without a limit', () => {
    expect(retain([backup(1), backup(2)], 0).every(({ keep }) => keep)).toBe(true);
  });
});
