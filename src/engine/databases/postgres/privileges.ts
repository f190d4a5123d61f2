/** The privileges of the connecting role concerning owners and grants. */
import type { ManifestDatabase } from '../../../shared/manifest';
import { type Client, rows } from './connection';

export interface PrivilegesHere {
  isSuperuser: boolean;
  /** All that exist. */
  roles: ReadonlySet<string>;
  /** Roles that can become owners in these schemas. */
  possibleOwners: string[];
  missingRoles: string[];
  /** The connecting role can grant privileges on the app's schemas themselves. */
  ownsSchemas: boolean;
}

export async function privilegesHere(
  client: Client,
  backup: ManifestDatabase,
  schemas: string[],
): Promise<PrivilegesHere> {
  const [version] = await rows<{ number: number }>(
    client,
    `SELECT current_setting('server_version_num')::int AS number`,
  );
  // Since 16, membership does not imply permission to act as the role.
  const privilege = (version?.number ?? 0) >= 160_000 ? 'SET' : 'MEMBER';
  const found = await rows<{ name: string; mine: boolean; superuser: boolean }>(
    client,
    `SELECT r.rolname AS name, me.rolsuper AS superuser,
            me.rolsuper OR r.oid = me.oid OR (pg_has_role(me.oid, r.oid, $1) AND NOT EXISTS (
              SELECT FROM pg_namespace n WHERE n.nspname = ANY($2) AND NOT has_schema_privilege(r.oid, n.oid, 'CREATE')
            )) AS mine
       FROM pg_roles r, pg_roles me WHERE me.rolname = current_user`,
    [privilege, schemas],
  );
  const here = new Set(found.map(({ name }) => name));
  const others = await rows(
    client,
    `SELECT FROM pg_namespace WHERE nspname = ANY($1) AND NOT pg_has_role(nspowner, 'MEMBER')`,
    [schemas],
  );
  return {
    isSuperuser: found[0]?.superuser ?? false,
    roles: here,
    possibleOwners: found.filter(({ mine }) => mine).map(({ name }) => name),
    missingRoles: backup.roles.filter((role) => !here.has(role)),
    ownsSchemas: others.length === 0,
  };
}
