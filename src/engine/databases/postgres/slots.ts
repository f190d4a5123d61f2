/** Shared by all strategies: names and marks of the slots, properties of schemas, sessions that block a switchover. */
import { SafekeepError } from '../../errors';
import type { DatabasePlan } from '../driver';
import { type Client, describe, quoteName, quoteText, rows } from './connection';

/** PostgreSQL silently truncates longer names, counted in bytes. */
const MAX_NAME_BYTES = 63;

/** `<base><suffix>` within PostgreSQL's limit; the base is cut at a character boundary. */
export function slotName(base: string, suffix: string): string {
  let cut = base;
  while (Buffer.byteLength(cut + suffix) > MAX_NAME_BYTES) cut = [...cut].slice(0, -1).join('');
  return cut + suffix;
}

/** The app's schemas in a plan, the app's own first. */
export function schemasOf(plan: DatabasePlan): string[] {
  const schemas: string[] = [];
  for (let i = 0; plan.names[`schema${i}`] !== undefined; i += 1) schemas.push(plan.names[`schema${i}`] ?? '');
  return schemas;
}

export function nameOf(plan: DatabasePlan, key: string): string {
  const name = plan.names[key];
  if (!name) {
    throw new SafekeepError('INTERNAL', {
      detail: { text: 'the restore plan lacks the name {{key}}', params: { key } },
    });
  }
  return name;
}

/** Such a plan is never switched over and can lack everything only a switchover needs. */
export function isForVerify(plan: DatabasePlan): boolean {
  return plan.names.purpose === 'verify';
}

/** The content of the inactive slot; 'loading': incomplete, and never becomes live. */
export type Content = 'loading' | 'staged' | 'previous';

/** The mark is in the COMMENT of the inactive database or schema, before its original comment. */
export interface Mark {
  content: Content;
  /** The original comment, set again when the slot becomes live; null where there is none. */
  comment: string | null;
}

export function markText(id: string, { content, comment }: Mark): string {
  return `safekeep ${id} ${content}${comment === null ? '' : `\n${comment}`}`;
}

/** null when the comment is not a mark of this restore. */
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
  /** null: everyone (PUBLIC). */
  grantee: string | null;
  privilege: string;
  grantable: boolean;
}

export interface SchemaFacts {
  name: string;
  owner: string;
  comment: string | null;
  /** null: the defaults, never changed. */
  grants: Grant[] | null;
}

/** The schemas that exist, in the requested order. */
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

/** Gives an existing schema the privileges and the comment of the live one. Not every role can run these statements. */
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

/** A session that blocks a switchover. */
export interface Session {
  pid: number;
  who: string;
}

/** A plain role sees only pid and user of other roles' sessions; an autovacuum worker has no user and yields by itself. */
const IS_SESSION = `usesysid IS NOT NULL AND backend_type IS DISTINCT FROM 'autovacuum worker'`;
const WHO = `coalesce(usename, '?') || coalesce(' (' || nullif(application_name, '') || ')', '')`;

/** Sessions in these databases, except the current one. */
export function sessionsIn(client: Client, databases: string[]): Promise<Session[]> {
  return rows(
    client,
    `SELECT pid, ${WHO} AS who FROM pg_stat_activity WHERE datname = ANY($1) AND pid <> pg_backend_pid() AND ${IS_SESSION}`,
    [databases],
  );
}

/** Sessions of this database with an open transaction that has written to tables of these schemas. */
export function writersTo(client: Client, schemas: string[], exceptPid: number): Promise<Session[]> {
  return lockers(client, schemas, exceptPid, `l.mode NOT IN ('AccessShareLock', 'RowShareLock')`);
}

/** Sessions of this database that block moving tables of these schemas: their open transactions have read or written them. */
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

/** application_name of the sessions that switch over its slots. */
export function switchoverName(id: string): string {
  return `safekeep ${id} switchover`;
}

/** Sessions that an earlier or failed step of this restore left running. */
export function ownSessions(client: Client, names: string[]): Promise<Session[]> {
  return rows(
    client,
    `SELECT pid, ${WHO} AS who FROM pg_stat_activity WHERE application_name = ANY($1) AND pid <> pg_backend_pid()`,
    [names],
  );
}

/**
 * Waits until no switchover is in progress. If its client is gone, the server may still process the COMMIT: until that session
 * ends, the position is unknown. @returns false when it has not ended within the limit
 */
export async function switchoversEnd(client: Client, id: string, limitMs: number): Promise<boolean> {
  const until = Date.now() + limitMs;
  while ((await ownSessions(client, [switchoverName(id)])).length > 0) {
    if (Date.now() > until) return false;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return true;
}

/** Terminates the switchovers of earlier attempts: each is complete or has no effect. @throws SWITCHOVER_FAILED */
export async function endSwitchovers(client: Client, id: string, limitMs: number): Promise<void> {
  const left = await endSessions(client, () => ownSessions(client, [switchoverName(id)]), limitMs);
  if (left) {
    throw new SafekeepError('SWITCHOVER_FAILED', {
      detail: { text: 'an earlier switchover is still running: {{sessions}}', params: { sessions: left } },
    });
  }
}

/** Terminates sessions until none is left. @returns the remaining sessions and the reason; null on success */
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
