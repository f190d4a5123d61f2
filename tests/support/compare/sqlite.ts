import { createHash } from 'node:crypto';
import { quote, type RawConnection } from './connection';
import type { IsIgnored, TableFingerprint } from './fingerprint';

/** Prints storage class and exact value: 26 significant digits distinguish every double from its neighbours. */
function exact(column: string): string {
  return `typeof(${column}) || CASE typeof(${column}) WHEN 'null' THEN '' WHEN 'real' THEN printf('%!.26e', ${column})
    WHEN 'integer' THEN CAST(${column} AS TEXT) ELSE hex(CAST(${column} AS BLOB)) END`;
}

export async function sqliteTables(
  connection: RawConnection,
  isIgnored: IsIgnored,
): Promise<Record<string, TableFingerprint>> {
  const names = await connection.query(
    `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name`,
  );
  const result: Record<string, TableFingerprint> = {};
  for (const { name } of names) {
    if (!name || isIgnored(name)) continue;
    const columns = await connection.query(
      `SELECT name FROM pragma_table_xinfo(?) WHERE hidden <> 1 ORDER BY CAST(name AS BLOB)`,
      [name],
    );
    const values = columns.map((column) => exact(quote(connection.target, column['name'] ?? '')));
    result[name] = await hashRows(connection, `SELECT ${values.join(` || '|' || `)} AS v FROM "${escaped(name)}"`);
  }
  return result;
}

const escaped = (name: string) => name.replaceAll('"', '""');

async function hashRows(connection: RawConnection, sql: string): Promise<TableFingerprint> {
  let rows = 0;
  let sum = 0n;
  await connection.each(sql, ({ v }) => {
    rows += 1;
    sum += BigInt(
      `0x${createHash('sha256')
        .update(v ?? '')
        .digest('hex')}`,
    );
  });
  return { rows, sha256: createHash('sha256').update(`${rows},${sum}`).digest('hex') };
}

const FILE_SETTINGS = ['user_version', 'application_id', 'encoding', 'page_size', 'auto_vacuum'];

export async function sqliteSchema(connection: RawConnection, isIgnored: IsIgnored): Promise<string> {
  const parts = (await connection.query(`SELECT type, name, tbl_name, sql FROM sqlite_master`)).map(
    ({ type, name, tbl_name: table, sql }) => `-- ${type} ${name} of ${table}\n${sql}`,
  );
  if (parts.some((part) => part.startsWith('-- table sqlite_sequence'))) {
    for (const { name, seq } of await connection.query(`SELECT name, CAST(seq AS TEXT) AS seq FROM sqlite_sequence`)) {
      if (name && !isIgnored(name)) parts.push(`-- counter ${name} at ${seq}`);
    }
  }
  for (const setting of FILE_SETTINGS) {
    const [row] = await connection.query(`PRAGMA ${setting}`);
    parts.push(`-- file ${setting} = ${Object.values(row ?? {}).join()}`);
  }
  return parts.sort().join('\n\n');
}
