import { describe, expect, it } from 'vitest';
import { fitColumns } from './fit-columns';

const columns = [
  { key: 'name' },
  { key: 'status', width: 100 },
  { key: 'trigger', width: 80, dropOrder: 1 },
  { key: 'duration', width: 90, dropOrder: 2 },
];
const fit = (available?: number) => {
  const { columns: shown, minWidth } = fitColumns(columns, available, 200);
  return `${shown.map(({ key }) => key).join(' ')} ${minWidth}`;
};

describe('columns of a table', () => {
  it('are all there when there is room, or before the room is known', () => {
    expect(fit()).toBe('name status trigger duration 470');
    expect(fit(470)).toBe('name status trigger duration 470');
  });

  it('leave one after the other as the room shrinks', () => {
    expect(fit(469)).toBe('name status duration 390');
    expect(fit(389)).toBe('name status 300');
  });

  it('stay and scroll where nothing else can leave', () => {
    expect(fit(120)).toBe('name status 300');
  });
});
