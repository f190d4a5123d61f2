/** Properties of a database itself rather than of its contents, and how they are copied to another database. */
import { z } from 'zod';
import type { RunContext } from '../../context';
import { type Client, describe, quoteName, quoteText, rows } from './connection';
import { type Grant, grantStatement } from './slots';

/** A row of pg_database; the columns about the locale's provider differ between versions. */
const DatabaseRow = z.object({
  datname: z.string(),
  oid: z.string(),
  owner: z.string(),
  encoding_name: z.string(),
  datcollate: z.string(),
  datctype: z.string(),
  /** Since 15: c (libc), i (ICU), b (builtin, since 17). */
  datlocprovider: z.string().optional(),
  /** Since 17. */
  datlocale: z.string().nullish(),
  /** 15 and 16. */
  daticulocale: z.string().nullish(),
  /** Since 16. */
  daticurules: z.string().nullish(),
  datconnlimit: z.number(),
  tablespace: z.string(),
  comment: z.string().nullable(),
});
export type DatabaseRow = z.infer<typeof DatabaseRow>;

/** null when the database does not exist. */
export async function databaseRow(client: Client, name: string): Promise<DatabaseRow | null> {
  const [found] = await rows<{ row: unknown }>(
    client,
    `SELECT to_jsonb(d) || jsonb_build_object('oid', d.oid::text, 'owner', r.rolname, 'encoding_name', pg_encoding_to_char(d.encoding),
              'tablespace', t.spcname, 'comment', shobj_description(d.oid, 'pg_database')) AS row
       FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba JOIN pg_tablespace t ON t.oid = d.dattablespace
      WHERE d.datname = $1`,
    [name],
  );
  return found ? DatabaseRow.parse(found.row) : null;
}

/** CREATE DATABASE with the same encoding, collation and locale as `like`. */
export function createDatabase(name: string, like: DatabaseRow): string {
  const locale = like.datlocale ?? like.daticulocale;
  const providers: Record<string, string> = {
    c: 'LOCALE_PROVIDER libc',
    i: `LOCALE_PROVIDER icu ICU_LOCALE ${quoteText(locale ?? '')}`,
    b: `LOCALE_PROVIDER builtin BUILTIN_LOCALE ${quoteText(locale ?? '')}`,
  };
  return [
    `CREATE DATABASE ${quoteName(name)} TEMPLATE template0`,
    `OWNER ${quoteName(like.owner)}`,
    `ENCODING ${quoteText(like.encoding_name)}`,
    ...(like.datlocprovider ? [providers[like.datlocprovider] ?? ''] : []),
    ...(like.daticurules ? [`ICU_RULES ${quoteText(like.daticurules)}`] : []),
    `LC_COLLATE ${quoteText(like.datcollate)} LC_CTYPE ${quoteText(like.datctype)}`,
    ...(like.tablespace === 'pg_default' ? [] : [`TABLESPACE ${quoteName(like.tablespace)}`]),
  ].join(' ');
}

/**
 * Copies settings, privileges and connection limit of `source` to `target`, within the open transaction. A setting that the
 * connecting role is not allowed to make is skipped and logged: it is no reason to fail a restore.
 */
export async function copyDatabaseSettings(
  client: Client,
  source: DatabaseRow,
  target: string,
  run: RunContext,
): Promise<void> {
  const database = quoteName(target);
  await client.query(`ALTER DATABASE ${database} CONNECTION LIMIT ${source.datconnlimit}`);
  const lenient = [...(await grantStatements(client, source, database)), ...(await settings(client, source, database))];
  for (const statement of lenient) {
    await client.query('SAVEPOINT setting');
    try {
      await client.query(statement);
      await client.query('RELEASE SAVEPOINT setting');
    } catch (error) {
      await client.query('ROLLBACK TO SAVEPOINT setting');
      run.log('warn', {
        text: 'A database setting could not be copied: {{statement}} ({{detail}})',
        params: { statement, detail: describe(error) },
      });
    }
  }
}

async function grantStatements(client: Client, source: DatabaseRow, database: string): Promise<string[]> {
  const grants = await rows<Grant>(
    client,
    `SELECT g.rolname AS grantee, a.privilege_type AS privilege, a.is_grantable AS grantable
       FROM pg_database d, aclexplode(d.datacl) a LEFT JOIN pg_roles g ON g.oid = a.grantee WHERE d.datname = $1`,
    [source.datname],
  );
  if (grants.length === 0) return [];
  const statements = grants.map((grant) => grantStatement(`DATABASE ${database}`, grant));
  return [`REVOKE ALL ON DATABASE ${database} FROM PUBLIC`, ...statements];
}

async function settings(client: Client, source: DatabaseRow, database: string): Promise<string[]> {
  const found = await rows<{ role: string | null; setting: string }>(
    client,
    `SELECT r.rolname AS role, unnest(s.setconfig) AS setting
       FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase LEFT JOIN pg_roles r ON r.oid = s.setrole
      WHERE d.datname = $1`,
    [source.datname],
  );
  return found.map(({ role, setting }) => {
    const [name = '', value = ''] = splitSetting(setting);
    const whose = role === null ? `DATABASE ${database}` : `ROLE ${quoteName(role)} IN DATABASE ${database}`;
    return `ALTER ${whose} SET ${parameterName(name)} TO ${settingValue(name, value)}`;
  });
}

function splitSetting(setting: string): [string, string] {
  const at = setting.indexOf('=');
  return [setting.slice(0, at), setting.slice(at + 1)];
}

/** Names of extension parameters have a dot between two words. */
function parameterName(name: string): string {
  return name.split('.').map(quoteName).join('.');
}

/** Parameters that are lists of quoted names (GUC_LIST_QUOTE): given as one text they would be taken for a single name. */
const LISTS_OF_NAMES = new Set([
  ...['local_preload_libraries', 'search_path', 'session_preload_libraries', 'shared_preload_libraries'],
  ...['temp_tablespaces', 'unix_socket_directories', 'restrict_nonsystem_relation_kind', 'oauth_validator_libraries'],
]);

/** The value in the syntax of SET. */
export function settingValue(name: string, value: string): string {
  if (!LISTS_OF_NAMES.has(name.toLowerCase())) return quoteText(value);
  const names = [...value.matchAll(/"((?:[^"]|"")*)"|[^,\s]+/g)];
  if (names.length === 0) return `''`;
  return names.map((match) => quoteText(match[1]?.replaceAll('""', '"') ?? match[0])).join(', ');
}
