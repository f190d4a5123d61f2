import type { TableColumnType } from 'antd';

/** A column of fixed width, or the one without a width that takes what is left. */
export interface FittingColumn<Row> extends TableColumnType<Row> {
  width?: number;
  /** Such columns leave when there is no room for all, the lowest number first; what they tell stands in the details. */
  leaves?: number;
}

/**
 * The columns that fit into `available` px (all of them while that is not known), and the width in px below which the
 * table has to scroll sideways. `restWidth` is the least the column without a width needs.
 */
export function fitColumns<Row>(
  columns: readonly FittingColumn<Row>[],
  available: number | undefined,
  restWidth: number,
): { columns: FittingColumn<Row>[]; minWidth: number } {
  const widthOf = (shown: readonly FittingColumn<Row>[]) =>
    shown.reduce((sum, { width }) => sum + (width ?? restWidth), 0);
  const leaving = columns
    .filter(({ leaves }) => leaves !== undefined)
    .sort((a, b) => (a.leaves ?? 0) - (b.leaves ?? 0));
  let shown = [...columns];
  for (const next of leaving) {
    if (!available || widthOf(shown) <= available) break;
    shown = shown.filter((column) => column !== next);
  }
  return { columns: shown.map(({ leaves: _, ...column }) => column), minWidth: widthOf(shown) };
}
