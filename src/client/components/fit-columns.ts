import type { TableColumnType } from 'antd';

/** A column of fixed width, or the one without a width that takes what is left. */
export interface FittingColumn<Row> extends TableColumnType<Row> {
  width?: number;
  /** Such columns leave when there is no room for all, the lowest number first; the details have what they show. */
  dropOrder?: number;
}

/** The host's floating button covers so many px at the right end of a table. */
const FLOATING_BUTTON = 44;

/** Width in px of a last column whose buttons take `buttons` px: they start on the left and stay clear of that button. */
export const actionsWidth = (buttons: number): number => buttons + FLOATING_BUTTON;

/** A heading never breaks: themes and languages differ in the width of letters. */
const ONE_LINE = { whiteSpace: 'nowrap' as const };

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
    .filter(({ dropOrder }) => dropOrder !== undefined)
    .sort((a, b) => (a.dropOrder ?? 0) - (b.dropOrder ?? 0));
  let shown = [...columns];
  for (const next of leaving) {
    if (!available || widthOf(shown) <= available) break;
    shown = shown.filter((column) => column !== next);
  }
  const headings = shown.map(({ dropOrder: _, ...column }) => ({
    ...column,
    onHeaderCell: () => ({ style: ONE_LINE }),
  }));
  return { columns: headings, minWidth: widthOf(shown) };
}
