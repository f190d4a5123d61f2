/** The contents of a SQLite file: its tables with their rows, and its integrity. */
import type { TableRows } from '../../../shared/manifest';
import type { Message } from '../../../shared/runs';
import { otherRowCount, tableMissing, tableNotInBackup } from '../differences';
import { quoteName, type SqliteConnection } from './connection';

/**
 * Tables ordered by name, without SQLite's own. A virtual table has null rows: its module may be missing here, and its data is in
 * its shadow tables, which are counted.
 */
export async function countTables(connection: SqliteConnection, onTable?: () => void): Promise<TableRows[]> {
  const tables = await connection.all(
    `SELECT name, rootpage FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name`,
  );
  const counted: TableRows[] = [];
  for (const table of tables) {
    const name = String(table.name);
    const rows = table.rootpage ? Number(await connection.value(`SELECT count(*) FROM ${quoteName(name)}`)) : null;
    counted.push({ name, rows });
    onTable?.();
  }
  return counted;
}

export interface IntegrityReport {
  /** The file itself is damaged. */
  damage: string[];
  /** Intact, but rows violate their own rules (NOT NULL, CHECK, type): the app wrote them so, and a copy must preserve them. */
  rowFindings: string[];
}

const MAX_FINDINGS = 20;
const ROW_FINDING = /^(NULL|NUMERIC|TEXT|non-\w+) value in |^CHECK constraint failed in /;

/** `PRAGMA integrity_check`, sorted. Foreign keys are not checked: SQLite lets an app violate them at will. */
export async function checkIntegrity(connection: SqliteConnection): Promise<IntegrityReport> {
  const rows = await connection.all(`PRAGMA integrity_check(${MAX_FINDINGS})`);
  const findings = rows.map((row) => String(Object.values(row)[0])).filter((finding) => finding !== 'ok');
  return {
    damage: findings.filter((finding) => !ROW_FINDING.test(finding)),
    rowFindings: findings.filter((finding) => ROW_FINDING.test(finding)),
  };
}

/** Deletes the rows of a table without firing its triggers, which could change other tables. Unknown names are ignored. */
export async function emptyTable(connection: SqliteConnection, table: string): Promise<string | null> {
  const name = await connection.value(
    `SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0 AND name = ? COLLATE NOCASE`,
    [table],
  );
  if (name === null) return null;
  const triggers = await connection.all(
    `SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE`,
    [name],
  );
  for (const trigger of triggers) await connection.all(`DROP TRIGGER ${quoteName(String(trigger.name))}`);
  await connection.all(`DELETE FROM ${quoteName(String(name))}`);
  for (const trigger of triggers) await connection.all(String(trigger.sql));
  return String(name);
}

/** First difference between the manifest and the tables found, null when there is none. */
export function differenceOfTables(promised: TableRows[], found: TableRows[]): Message | null {
  const rowsOf = new Map(found.map((table) => [table.name, table.rows]));
  for (const { name, rows } of promised) {
    const there = rowsOf.get(name);
    if (there === undefined) return tableMissing(name);
    if (rows !== null && there !== null && rows !== there) return otherRowCount(name, there, rows);
    rowsOf.delete(name);
  }
  const [extra] = rowsOf.keys();
  return extra === undefined ? null : tableNotInBackup(extra);
}
