import { describe, expect, it } from 'vitest';
import type { Content } from '../shared/runs';
import { retain, type RetentionCandidate } from './retention';

const backup = (day: number, contents: Content[] = ['database', 'files'], isProtected = false) => ({
  name: `b${day}`,
  contents,
  isProtected,
  startedAt: `2026-11-${String(day).padStart(2, '0')}T00:00:00.000Z`,
});

const keptOf = (candidates: RetentionCandidate[], limit: number) =>
  retain(candidates, limit)
    .filter(({ keep }) => keep)
    .map(({ name }) => name);

describe('retention', () => {
  it('keeps the newest backups and lets the rest go, each with its reason', () => {
    const decisions = retain([backup(1), backup(3), backup(2)], 2);
    expect(decisions.filter(({ keep }) => !keep)).toEqual([{ name: 'b1', keep: false, reason: 'over the limit' }]);
    expect(decisions.map(({ name }) => name)).toEqual(['b3', 'b2', 'b1']);
  });

  it('keeps protected backups beyond the limit, and they do not count', () => {
    expect(keptOf([backup(1, undefined, true), backup(2), backup(3), backup(4)], 2)).toEqual(['b4', 'b3', 'b1']);
  });

  it('keeps everything without a limit', () => {
    expect(keptOf([backup(1), backup(2)], 0)).toEqual(['b2', 'b1']);
  });

  it('never lets backups of files push out the last ones of the database', () => {
    const files = [3, 4, 5, 6].map((day) => backup(day, ['files']));
    expect(keptOf([backup(1, ['database']), backup(2, ['database']), ...files], 2)).toEqual(['b6', 'b5', 'b2', 'b1']);
    expect(keptOf([backup(1), ...files], 1)).toEqual(['b6', 'b1']);
  });

  it('counts a backup of both for both', () => {
    const candidates = [backup(1, ['database']), backup(2), backup(3, ['files']), backup(4)];
    expect(keptOf(candidates, 1)).toEqual(['b4']);
    expect(keptOf(candidates, 2)).toEqual(['b4', 'b3', 'b2']);
  });
});
