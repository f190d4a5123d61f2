import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { findProgram, versionedFolders } from '../child';
import { quote, type RawConnection } from './connection';
import type { IsIgnored, TableFingerprint } from './fingerprint';

const OWN_SCHEMAS = `n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'`;

export async function postgresTables(
  connection: RawConnection,
  isIgnored: IsIgnored,
): Promise<Record<string, TableFingerprint>> {
  const tables = await connection.query(
    `SELECT n.nspname AS schema, c.relname AS name, json_agg(a.attname ORDER BY a.attname)
              FILTER (WHERE a.attname IS NOT NULL) AS columns
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      WHERE c.relkind IN ('r', 'm') AND c.relispopulated AND ${OWN_SCHEMAS} GROUP BY 1, 2 ORDER BY 1, 2`,
  );
  const result: Record<string, TableFingerprint> = {};
  for (const { schema, name, columns } of tables) {
    if (schema === null || name === null || schema === undefined || name === undefined || isIgnored(name)) continue;
    const list = (JSON.parse(columns ?? '[]') as string[]).map((column) => quote(connection.target, column)).join();
    const from = `${quote(connection.target, schema)}.${quote(connection.target, name)}`;
    const [row] = await connection.query(
      `SELECT count(*) AS rows, encode(sha256(coalesce(string_agg(h, ''::bytea ORDER BY h), ''::bytea)), 'hex') AS hash
         FROM (SELECT sha256(convert_to(ROW(${list})::text, 'UTF8')) AS h FROM ONLY ${from}) hashes`,
    );
    result[`${schema}.${name}`] = { rows: Number(row?.['rows']), sha256: row?.['hash'] ?? '' };
  }
  return result;
}

export async function postgresSchema(
  connection: RawConnection,
  isIgnored: IsIgnored,
  databaseSettings: boolean,
): Promise<string> {
  const objects = definitions(await pgDump(connection), connection.target.username ?? '');
  const parts = [...objects, ...(await sequences(connection, isIgnored))];
  if (databaseSettings) parts.push(...(await databaseItself(connection)));
  return parts.sort().join('\n\n');
}

/** Folder with a pg_dump that is not older than the server; default: the installed one. */
export const COMPARE_TOOLS_VARIABLE = 'SAFEKEEP_COMPARE_TOOLS';

async function pgDump({ target }: RawConnection): Promise<string> {
  const folders = [process.env[COMPARE_TOOLS_VARIABLE] ?? [], versionedFolders('/usr/lib/postgresql', 'bin')].flat();
  const program = findProgram(['pg_dump'], folders, 'apt-get install postgresql-client-15');
  const { host = '', port = 5432, username = '', database = '', password } = target;
  const args = ['--schema-only', '-w', '-h', host, '-p', String(port), '-U', username, '-d', database];
  const env = { ...process.env, PGPASSWORD: password ?? '' };
  return (await promisify(execFile)(program, args, { env, maxBuffer: 1 << 28 })).stdout;
}

/** The dump's objects, one text each: without what names versions or sessions, the connecting role by a fixed name. */
export function definitions(dump: string, role: string): string[] {
  const [, ...blocks] = dump.split(/^(?=-- Name: .*; Type: .*; Schema: )/m);
  const bareRole = `(?:"${role}"|\\b${role}\\b)`;
  const ownRole = new RegExp(`(?<=; Owner: |OWNER TO |GRANTED BY |FOR ROLE |FROM |TO )${bareRole}`, 'g');
  return blocks.map((block) => {
    const lines = block
      .split('\n')
      .filter((line) => !/^(\\restrict|\\unrestrict|-- Dumped |-- PostgreSQL database dump)/.test(line))
      .filter((line) => !/^(--)?$/.test(line) && !/^SET default_table(space|_access_method) = /.test(line))
      .map((line) => line.replace(ownRole, '<own role>'));
    const [header = '', ...body] = lines;
    // The order of grants in a list has no meaning.
    return [header, ...(/; Type: (DEFAULT )?ACL;/.test(header) ? body.sort() : body)].join('\n');
  });
}

async function sequences(connection: RawConnection, isIgnored: IsIgnored): Promise<string[]> {
  const names = await connection.query(
    `SELECT n.nspname AS schema, c.relname AS name,
            (SELECT t.relname FROM pg_depend d JOIN pg_class t ON t.oid = d.refobjid
              WHERE d.objid = c.oid AND d.deptype IN ('a', 'i') AND d.refclassid = 'pg_class'::regclass LIMIT 1) AS owner
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'S' AND ${OWN_SCHEMAS}`,
  );
  const lines: string[] = [];
  for (const { schema, name, owner } of names) {
    if (!schema || !name || (owner && isIgnored(owner))) continue;
    const from = `${quote(connection.target, schema)}.${quote(connection.target, name)}`;
    const [at] = await connection.query(`SELECT last_value, is_called FROM ${from}`);
    lines.push(`-- Counter: ${schema}.${name} at ${at?.['last_value']}, called ${at?.['is_called']}`);
  }
  return lines;
}

async function databaseItself(connection: RawConnection): Promise<string[]> {
  const rows = await connection.query(
    `SELECT '-- Database: encoding ' || pg_encoding_to_char(encoding) || ', ' || datcollate || ', ' || datctype AS line
       FROM pg_database WHERE datname = current_database()
     UNION ALL SELECT '-- Database: comment ' || shobj_description(oid, 'pg_database')
       FROM pg_database WHERE datname = current_database()
     UNION ALL SELECT '-- Database: set ' || unnest(setconfig) || CASE WHEN setrole = 0 THEN '' ELSE
              ' for ' || CASE WHEN setrole::regrole::text IN (current_user, quote_ident(current_user)) THEN '<own role>'
                              ELSE setrole::regrole::text END END
       FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase WHERE datname = current_database()
     UNION ALL SELECT '-- Database: grant ' || privilege_type || ' to ' ||
              CASE grantee WHEN 0 THEN 'public' WHEN datdba THEN '<owner>' ELSE grantee::regrole::text END ||
              CASE WHEN is_grantable THEN ' with grant option' ELSE '' END
       FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba))) WHERE datname = current_database()`,
  );
  return rows.flatMap(({ line }) => (line ? [line] : []));
}
