/** What both restore strategies share: names and marks of the slots, the schema as it should be, sessions that are in the way. */
import { SafekeepError } from '../../errors';
import type { DatabasePlan } from '../driver';
import { type Client, describe, quoteName, quoteText, rows } from './connection';

/** PostgreSQL cuts longer names silently, in bytes. */
const MAX_NAME_BYTES = 63;

/** `<base><suffix>` within PostgreSQL's limit; what is cut is the base, at a character's border. */
export function slotName(base: string, suffix: string): string {
  let cut = base;
  while (Buffer.byteLength(cut + suffix) > MAX_NAME_BYTES) cut = [...cut].slice(0, -1).join('');
  return cut + suffix;
}

/** The app's schemas that a plan names, the app's own first. */
export function schemasOf(plan: DatabasePlan): string[] {
  const schemas: string[] = [];
  for (let i = 0; plan.names[`schema${i}`] !== undefined; i += 1) schemas.push(plan.names[`schema${i}`] ?? '');
  return schemas;
}

export function nameOf(plan: DatabasePlan, key: string): string {
  const name = plan.names[key];
  if (!name) throw new SafekeepError('INTERNAL', { detail: `the plan of the restore names no ${key}` });
  return name;
}

/** Such a plan is never switched: it may leave out what a switch alone needs. */
export function isForVerify(plan: DatabasePlan): boolean {
  return plan.names.purpose === 'verify';
}

/** What lies in the slot aside; 'loading': it is not complete yet, and never becomes live. */
export type Content = 'loading' | 'staged' | 'previous';

/** The mark stands in the COMMENT of the database or schema aside, in front of the comment that was there. */
export interface Mark {
  content: Content;
  /** The comment to give back when it becomes live; null where none is kept. */
  comment: string | null;
}

export function markText(id: string, { content, comment }: Mark): string {
  return `safekeep ${id} ${content}${comment === null ? '' : `\n${comment}`}`;
}

/** null when the comment is no mark of this restore. */
export function parseMark(id: string, text: string | null): Mark | null {
  const match = /^safekeep (\S+) (loading|staged|previous)(?:\n([^]*))?$/.exec(text ?? '');
  if (!match || match[1] !== id) return null;
  return { content: match[2] as Content, comment: match[3] ?? null };
}

/** Whether a comment is the mark of any restore. */
export function isMark(text: string | null): boolean {
  return /^safekeep \S+ (loading|staged|previous)(\n|$)/.test(text ?? '');
}

/** `NULL` or a quoted text, for COMMENT ON … IS. */
export function commentValue(comment: string | null): string {
  return comment === null ? 'NULL' : quoteText(comment);
}

export interface Grant {
  /** null: everybody (PUBLIC). */
  grantee: string | null;
  privilege: string;
  grantable: boolean;
}

export interface SchemaFacts {
  name: string;
  owner: string;
  comment: string | null;
  /** null: nobody has ever changed them. */
  grants: Grant[] | null;
}

/** The schemas that exist, in the order asked for. */
export async function schemaFacts(client: Client, names: string[]): Promise<SchemaFacts[]> {
  const found = await rows<SchemaFacts>(
    client,
    `SELECT n.nspname AS name, r.rolname AS owner, obj_description(n.oid, 'pg_namespace') AS comment,
            CASE WHEN nspacl IS NOT NULL THEN (
              SELECT coalesce(json_agg(json_build_object('grantee', g.rolname, 'privilege', a.privilege_type,
                                                         'grantable', a.is_grantable)), '[]')
                FROM aclexplode(nspacl) a LEFT JOIN pg_roles g ON g.oid = a.grantee) END AS grants
       FROM pg_namespace n JOIN pg_roles r ON r.oid = nspowner WHERE n.nspname = ANY($1::text[])
      ORDER BY array_position($1::text[], n.nspname::text)`,
    [names],
  );
  return found;
}

/** Gives a schema that exists the rights and the comment it has in the live database. Not every role may. */
export function schemaDetails({ name, comment, grants }: SchemaFacts): string[] {
  const statements = grants === null ? [] : [`REVOKE ALL ON SCHEMA ${quoteName(name)} FROM PUBLIC;`];
  for (const grant of grants ?? []) statements.push(grantStatement(`SCHEMA ${quoteName(name)}`, grant));
  statements.push(`COMMENT ON SCHEMA ${quoteName(name)} IS ${commentValue(comment)};`);
  return statements;
}

export function grantStatement(what: string, { grantee, privilege, grantable }: Grant): string {
  const to = grantee === null ? 'PUBLIC' : quoteName(grantee);
  return `GRANT ${privilege} ON ${what} TO ${to}${grantable ? ' WITH GRANT OPTION' : ''};`;
}

/** A session that is in the way. */
export interface Session {
  pid: number;
  who: string;
}

/** All that a plain role sees of other roles' sessions is pid and user; an autovacuum worker has no user and gives way by itself. */
const IS_SESSION = `usesysid IS NOT NULL AND backend_type IS DISTINCT FROM 'autovacuum worker'`;
const WHO = `coalesce(usename, '?') || coalesce(' (' || nullif(application_name, '') || ')', '')`;

/** Sessions in these databases, other than the asking one. */
export function sessionsIn(client: Client, databases: string[]): Promise<Session[]> {
  return rows(
    client,
    `SELECT pid, ${WHO} AS who FROM pg_stat_activity WHERE datname = ANY($1) AND pid <> pg_backend_pid() AND ${IS_SESSION}`,
    [databases],
  );
}

/** Sessions of this database with a transaction that has written to tables of these schemas and may still do so. */
export function writersTo(client: Client, schemas: string[], exceptPid: number): Promise<Session[]> {
  return lockers(client, schemas, exceptPid, `l.mode NOT IN ('AccessShareLock', 'RowShareLock')`);
}

/** Sessions of this database that keep tables of these schemas from being moved: whoever has read or written them and has not ended. */
export function holdersOf(client: Client, schemas: string[], exceptPid: number): Promise<Session[]> {
  return lockers(client, schemas, exceptPid, 'l.granted');
}

function lockers(client: Client, schemas: string[], exceptPid: number, which: string): Promise<Session[]> {
  return rows(
    client,
    `SELECT DISTINCT s.pid, ${WHO} AS who
       FROM pg_locks l JOIN pg_stat_activity s ON s.pid = l.pid JOIN pg_class c ON c.oid = l.relation
       JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND n.nspname = ANY($1)
        AND ${which} AND ${IS_SESSION} AND s.pid NOT IN (pg_backend_pid(), $2)`,
    [schemas, exceptPid],
  );
}

/** application_name of the sessions that load a restore. */
export function ownName(id: string): string {
  return `safekeep ${id}`;
}

/** application_name of the sessions that exchange its slots. */
export function switchoverName(id: string): string {
  return `safekeep ${id} exchange`;
}

/** Sessions that an earlier or failed step of this restore left at work. */
export function ownSessions(client: Client, names: string[]): Promise<Session[]> {
  return rows(
    client,
    `SELECT pid, ${WHO} AS who FROM pg_stat_activity WHERE application_name = ANY($1) AND pid <> pg_backend_pid()`,
    [names],
  );
}

/**
 * Waits until no exchange is under way. One whose client is gone may still be working on its COMMIT: until it has ended nobody can say
 * on which side it is. @returns false when it has not ended within the limit
 */
export async function switchoversEnd(client: Client, id: string, limitMs: number): Promise<boolean> {
  const until = Date.now() + limitMs;
  while ((await ownSessions(client, [switchoverName(id)])).length > 0) {
    if (Date.now() > until) return false;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return true;
}

/** Ends exchanges that an earlier attempt left at work: completely or not at all. @throws SWITCHOVER_FAILED */
export async function endSwitchovers(client: Client, id: string, limitMs: number): Promise<void> {
  const left = await endSessions(client, () => ownSessions(client, [switchoverName(id)]), limitMs);
  if (left) throw new SafekeepError('SWITCHOVER_FAILED', { detail: `an earlier attempt is still at work: ${left}` });
}

/** Ends sessions until none is left. @returns why it did not succeed within the limit; null when it did */
export async function endSessions(
  client: Client,
  find: () => Promise<Session[]>,
  limitMs: number,
): Promise<string | null> {
  const until = Date.now() + limitMs;
  let refusal = '';
  for (;;) {
    const sessions = await find();
    if (sessions.length === 0) return null;
    for (const { pid } of sessions) {
      await client.query('SELECT pg_terminate_backend($1)', [pid]).catch((error: unknown) => {
        refusal = describe(error);
      });
    }
    if (Date.now() > until) {
      const who = sessions.map((session) => `${session.who} [${session.pid}]`).join(', ');
      return refusal ? `${who}: ${refusal}` : who;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
