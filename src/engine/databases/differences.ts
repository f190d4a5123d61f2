/** How loaded tables can differ from those of the manifest. */
import type { Message } from '../../shared/runs';

export const tableMissing = (table: string): Message => ({ text: 'table {{table}} is missing', params: { table } });

export const tableNotInBackup = (table: string): Message => ({
  text: 'table {{table}} is not in the backup',
  params: { table },
});

export const otherRowCount = (table: string, found: number, expected: number): Message => ({
  text: 'table {{table}} has {{found}} rows instead of {{expected}}',
  params: { table, found, expected },
});
