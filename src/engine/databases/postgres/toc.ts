/** The table of contents of a custom-format dump, as `pg_restore --list` prints it, and the entries that a restore uses. */

export interface TocEntry {
  /** The line for a list of `pg_restore --use-list`. */
  line: string;
  /** 'TABLE', 'TABLE DATA', 'ACL', …; '' when the entry is in a schema that is not the app's. */
  type: string;
  /** The text after the schema: name and owner. Names can contain spaces, so the two cannot be separated reliably. */
  nameAndOwner: string;
  inSchema: boolean;
}

export interface RestoreLists {
  /** Everything except privileges: structure and data. */
  main: TocEntry[];
  /** Privileges on the schemas themselves. */
  schemaPrivileges: TocEntry[];
  /** Privileges on objects in the schemas, including default privileges. */
  privileges: TocEntry[];
  /** Entries that another step creates. */
  elsewhere: TocEntry[];
  /** Entries that belong to other schemas or to the database as a whole. */
  skipped: TocEntry[];
}

/** Lines look like `215; 1259 16386 TABLE public users app`; those that begin with `;` are comments. */
export function parseToc(text: string, schemas: readonly string[]): TocEntry[] {
  // The longest schema first: one can be a prefix of another.
  const names = schemas.map(printed).sort((a, b) => b.length - a.length);
  const alternatives = ['-', ...names].map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|');
  const known = new RegExp(`^\\d+; \\d+ \\d+ ([A-Z][A-Z ]*?) (${alternatives}) (.*)$`);
  return text
    .split('\n')
    .map((line) => line.replace(/\r$/, ''))
    .filter((line) => /^\d+; /.test(line))
    .map((line) => {
      const [, type = '', schema = '-', nameAndOwner = ''] = known.exec(line) ?? [];
      return { line, type, nameAndOwner, inSchema: schema !== '-' };
    });
}

/** Created by the restore itself (extensions), or properties of the whole server or database. */
const NOT_OURS = /^(DATABASE|DATABASE PROPERTIES|BLOB|BLOBS|BLOB METADATA|LARGE OBJECT|EVENT TRIGGER|SUBSCRIPTION)$/;

/** @param existing schemas that exist or that the restore creates itself, with their owner and comment */
export function sortToc(entries: readonly TocEntry[], existing: readonly string[]): RestoreLists {
  const lists: RestoreLists = { main: [], schemaPrivileges: [], privileges: [], elsewhere: [], skipped: [] };
  const isAbout = (entry: TocEntry, kind: string) => entry.nameAndOwner.startsWith(`${kind} `);
  // In comments and privileges, pg_dump quotes the name.
  const isExisting = (name: string) =>
    existing.map(printed).some((schema) => name.startsWith(`${schema} `) || name.startsWith(`${quoted(schema)} `));
  for (const entry of entries) {
    const { type, nameAndOwner } = entry;
    if (type === 'ACL' && isAbout(entry, 'SCHEMA')) lists.schemaPrivileges.push(entry);
    else if (type === 'ACL' || type === 'DEFAULT ACL') lists.privileges.push(entry);
    else if (type === '' || NOT_OURS.test(type)) lists.skipped.push(entry);
    else if (type === 'EXTENSION' || (type === 'COMMENT' && isAbout(entry, 'EXTENSION'))) lists.elsewhere.push(entry);
    else if (type === 'SCHEMA' && isExisting(nameAndOwner)) lists.elsewhere.push(entry);
    else if (type === 'COMMENT' && isAbout(entry, 'SCHEMA') && isExisting(nameAndOwner.slice('SCHEMA '.length)))
      lists.elsewhere.push(entry);
    else lists.main.push(entry);
  }
  return lists;
}

/** True when each entry is owned by none or by one of the roles. */
export function isOwnedByThese(entries: readonly TocEntry[], roles: readonly string[]): boolean {
  const endings = roles.map((role) => ` ${printed(role)}`);
  return entries.every(({ line }) => line.endsWith(' ') || endings.some((ending) => line.endsWith(ending)));
}

/** pg_restore prints line breaks within names as spaces. */
function printed(name: string): string {
  return name.replace(/[\r\n]/g, ' ');
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A file for `pg_restore --use-list`. */
export function listFile(entries: readonly TocEntry[]): string {
  return entries.map(({ line }) => `${line}\n`).join('');
}
