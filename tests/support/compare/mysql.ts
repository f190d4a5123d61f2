import { createHash } from 'node:crypto';
import { quote, type RawConnection, type Row } from './connection';
import type { IsIgnored, TableFingerprint } from './fingerprint';

const LARGE = /text|blob|binary|geometry|point|linestring|polygon|collection/;

/** An expression that prints the exact value of a column; NULL stays NULL. */
function exact(column: string, type: string): string {
  if (LARGE.test(type)) return `SHA2(${column}, 256)`;
  if (type === 'json') return `SHA2(CAST(${column} AS CHAR), 256)`;
  if (type === 'float') return `CAST(${column} + 0e0 AS CHAR)`;
  if (type === 'bit') return `CAST(${column} + 0 AS CHAR)`;
  if (/char|enum|set|vector/.test(type)) return `HEX(${column})`;
  return `CAST(${column} AS CHAR)`;
}

export async function mysqlTables(
  connection: RawConnection,
  isIgnored: IsIgnored,
): Promise<Record<string, TableFingerprint>> {
  const columns = await connection.query(
    `SELECT t.table_name AS name, c.column_name AS col, c.data_type AS type
       FROM information_schema.tables t JOIN information_schema.columns c USING (table_schema, table_name)
      WHERE t.table_schema = DATABASE() AND t.table_type IN ('BASE TABLE', 'SYSTEM VERSIONED')
      ORDER BY 1, CAST(c.column_name AS BINARY)`,
  );
  const byTable = new Map<string, string[]>();
  for (const { name, col, type } of columns) {
    if (!name || !col || isIgnored(name)) continue;
    const value = exact(quote(connection.target, col), type ?? '');
    byTable.set(name, [...(byTable.get(name) ?? []), `IFNULL(CONCAT('V', ${value}), 'N')`]);
  }
  const result: Record<string, TableFingerprint> = {};
  for (const [name, values] of byTable) result[name] = await hashRows(connection, name, values);
  return result;
}

/** Adds up the rows' hashes, cut into numbers that a sum of millions can't overflow. */
async function hashRows(connection: RawConnection, table: string, values: string[]): Promise<TableFingerprint> {
  const sums = [1, 16, 31, 46].map(
    (from) => `SUM(CAST(CONV(SUBSTR(h, ${from}, 15), 16, 10) AS DECIMAL(30, 0))) AS s${from}`,
  );
  const [row] = await connection.query(
    `SELECT COUNT(*) AS n, SUM(h IS NULL) AS lost, ${sums.join(', ')}
       FROM (SELECT SHA2(CONCAT_WS('|', ${values.join(', ')}), 256) AS h FROM ${quote(connection.target, table)}) hashes`,
  );
  if (Number(row?.['lost'] ?? 0) > 0) throw new Error(`rows of ${table} are too long to be compared`);
  const { n, s1, s16, s31, s46 } = row ?? {};
  return { rows: Number(n), sha256: createHash('sha256').update([n, s1, s16, s31, s46].join()).digest('hex') };
}

export async function mysqlSchema(connection: RawConnection, isIgnored: IsIgnored): Promise<string> {
  const parts = [
    ...(await tableDefinitions(connection, isIgnored)),
    ...(await storedObjects(connection)),
    ...(await connection
      .query(
        `SELECT CONCAT('-- database: ', default_character_set_name, ' ', default_collation_name) AS line
         FROM information_schema.schemata WHERE schema_name = DATABASE()`,
      )
      .then((rows) => rows.map(({ line }) => line ?? ''))),
  ];
  const database = connection.target.database ?? '';
  return parts
    .map((part) => part.replace(/DEFINER=(`[^`]*`@`[^`]*`|\S+)/g, 'DEFINER=<definer>'))
    .map((part) => part.replaceAll(`\`${database}\`.`, '<database>.'))
    .sort()
    .join('\n\n');
}

/** What SHOW CREATE answers in the column of that name. */
async function showCreate(connection: RawConnection, kind: string, name: string): Promise<Row> {
  const [row] = await connection.query(`SHOW CREATE ${kind} ${quote(connection.target, name)}`);
  if (!row) throw new Error(`SHOW CREATE ${kind} ${name} answered nothing`);
  return row;
}

async function tableDefinitions(connection: RawConnection, isIgnored: IsIgnored): Promise<string[]> {
  const parts: string[] = [];
  const tables = await connection.query(
    `SELECT table_name AS name, table_type AS type FROM information_schema.tables WHERE table_schema = DATABASE()`,
  );
  for (const { name, type } of tables) {
    if (!name) continue;
    if (type === 'VIEW') {
      const row = await showCreate(connection, 'VIEW', name);
      parts.push(
        `-- view ${name} (${row['character_set_client']}, ${row['collation_connection']})\n${row['Create View']}`,
      );
    } else if (type === 'SEQUENCE') {
      const [at] = await connection.query(`SELECT * FROM ${quote(connection.target, name)}`);
      const row = await showCreate(connection, 'SEQUENCE', name);
      parts.push(`-- sequence ${name} at ${JSON.stringify(at)}\n${row['Create Table']}`);
    } else {
      const { 'Create Table': text } = await showCreate(connection, 'TABLE', name);
      parts.push(`-- table ${name}\n${isIgnored(name) ? text?.replace(/ AUTO_INCREMENT=\d+/, '') : text}`);
    }
  }
  return parts;
}

/** Triggers, functions, procedures and events, with the settings they were made under. */
async function storedObjects(connection: RawConnection): Promise<string[]> {
  // SHOW CREATE returns the text that a trigger was created with, with or without quotes around names.
  const triggers = await connection.query(
    `SELECT trigger_name AS name, action_timing, event_manipulation, event_object_table, action_order,
            action_statement, sql_mode, character_set_client, collation_connection
       FROM information_schema.triggers WHERE trigger_schema = DATABASE()`,
  );
  const parts = triggers.map(({ name, ...rest }) => `-- trigger ${name}\n${lines(rest)}`);
  const list = await connection.query(
    `SELECT routine_type AS kind, routine_name AS name, '' AS more FROM information_schema.routines
      WHERE routine_schema = DATABASE()
     UNION ALL SELECT 'EVENT', event_name, CONCAT(' ', status) FROM information_schema.events
      WHERE event_schema = DATABASE()`,
  );
  for (const { kind, name, more } of list) {
    if (!kind || !name) continue;
    const { 'Database Collation': _, ...row } = await showCreate(connection, kind, name);
    parts.push(`-- ${kind.toLowerCase()} ${name}${more}\n${lines(row)}`);
  }
  return parts;
}

function lines(row: Row): string {
  return Object.entries(row)
    .map(([name, value]) => `${name.toLowerCase()}: ${value}`)
    .join('\n');
}
