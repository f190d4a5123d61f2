/** Whether a backup fits this app, told side by side. Pure: facts in, table out. */
import semver from 'semver';
import type { CheckStatus } from '../shared/api';
import { CHECK_NAMES, CONTENT_NAMES } from '../shared/names';
import type { DatabaseFacts, Manifest } from '../shared/manifest';
import type { Content, Message, Verification } from '../shared/runs';
import type { DatabasePlanning, ToolReport } from './databases/driver';
import { readableBytes } from './bytes';
import { SafekeepError } from './errors';
import type { FolderPlanning } from './files/plan';

export interface Check {
  code: string;
  status: CheckStatus;
  /** What the backup has, as the user reads it. */
  backup: Message;
  current: Message;
  /** What to do about it; empty text when all is well. */
  remedy: Message;
}

/** What the app here is like. */
export interface CurrentSite {
  app: Manifest['app'];
  database: DatabaseFacts;
  tools: ToolReport[];
  planning: DatabasePlanning | null;
  keyFingerprints: Record<string, string>;
  /** Folders that get new data: bytes needed there and free there; `needed` is per file system. */
  space: { folder: string; needed: number; free: number }[];
  /** Previous data that has to be discarded to make room; null when even that is not enough. */
  discards: readonly string[] | null;
  /** What is known about the archive itself; null for a verification, which is about to find out. */
  archive: ArchiveFacts | null;
  /** Where the files go. */
  folders: Pick<FolderPlanning, 'problems' | 'moved' | 'shared'>;
}

/** What is known about an archive before its data is read. */
export interface ArchiveFacts {
  /** listed: the file that the list describes. replaced: another file under its name. uploaded: its checksum was verified. */
  source: 'listed' | 'replaced' | 'uploaded';
  /** Its last verification; null before the first. */
  verified: Verification | null;
}

const NOTHING: Message = { text: '' };
const plain = (text: string): Message => ({ text: '{{text}}', params: { text } });

/** The table, in the order in which a person reads it. Only what the chosen contents need is checked. */
export function compatibilityOf(manifest: Manifest, current: CurrentSite, contents: readonly Content[]): Check[] {
  const checks: Check[] = current.archive ? [archiveCheck(current.archive)] : [];
  if (contents.includes('database') && manifest.database) {
    checks.push(
      ...databaseChecks(manifest.database, current.database),
      appVersionCheck(manifest.app.version, current.app.version),
      pluginCheck(manifest, current),
      keyCheck(manifest, current),
      ...planningChecks(current.planning),
      ...toolChecks(current.tools),
    );
  }
  checks.push(...folderChecks(current.folders), spaceCheck(current));
  return checks;
}

/** What the user has accepted. */
export interface Accepted {
  /** Codes of warnings. */
  acceptWarnings: readonly string[];
  /** Previous data to discard for good. */
  discard: readonly string[];
}

/** @throws INCOMPATIBLE, WARNINGS_NOT_ACCEPTED, PREVIOUS_AT_RISK */
export function refuseUnlessFit(checks: readonly Check[], discards: readonly string[], accepted: Accepted): void {
  const tell = (found: Check[]): Message[] =>
    found.map(({ code, backup, current }): Message => {
      const name = { text: CHECK_NAMES[code] ?? code };
      return backup.text === ''
        ? { text: '{{name}}: {{current}}', params: { name, current } }
        : { text: '{{name}}: {{backup}} → {{current}}', params: { name, backup, current } };
    });
  const blocking = checks.filter((check) => check.status === 'blocking');
  if (blocking.length > 0) throw new SafekeepError('INCOMPATIBLE', { checks: tell(blocking) });
  // Accepted by naming what is to be discarded, never by a general yes.
  const unconfirmed = discards.filter((id) => !accepted.discard.includes(id));
  if (unconfirmed.length > 0) throw new SafekeepError('PREVIOUS_AT_RISK', { count: unconfirmed.length });
  const open = checks.filter(
    ({ status, code }) => status === 'warning' && code !== 'freeSpace' && !accepted.acceptWarnings.includes(code),
  );
  if (open.length > 0) throw new SafekeepError('WARNINGS_NOT_ACCEPTED', { checks: tell(open) });
}

function databaseChecks(backup: DatabaseFacts, current: DatabaseFacts): Check[] {
  const equal = (
    key: 'dialect' | 'underscored' | 'tablePrefix' | 'schema' | 'encoding' | 'collation',
    status: CheckStatus,
    remedy: Message,
  ): Check => {
    const [from, to] = [String(backup[key]) || '–', String(current[key]) || '–'];
    const told = { code: key, backup: plain(from), current: plain(to) };
    if (from === to) return { ...told, status: 'ok', remedy: NOTHING };
    return { ...told, status, remedy: { ...remedy, params: { wanted: from } } };
  };
  const dialect = equal('dialect', 'blocking', { text: 'Restore into an app whose DB_DIALECT is {{wanted}}.' });
  if (dialect.status !== 'ok') return [dialect];
  const isPostgres = backup.dialect === 'postgres';
  return [
    dialect,
    equal('underscored', 'blocking', { text: 'Start this app with DB_UNDERSCORED={{wanted}}.' }),
    equal('tablePrefix', 'blocking', { text: 'Start this app with DB_TABLE_PREFIX={{wanted}}.' }),
    equal('schema', 'blocking', { text: 'Start this app with DB_SCHEMA={{wanted}}.' }),
    databaseVersionCheck(backup, current),
    equal('encoding', isPostgres ? 'blocking' : 'warning', {
      text: 'Use a database whose character set is {{wanted}}.',
    }),
    equal('collation', 'warning', { text: 'Text may be sorted and compared differently than with {{wanted}}.' }),
  ];
}

/** Versions that decide whether a dump can be loaded: the major one; MySQL and MariaDB change formats with the minor one too. */
function databaseVersionCheck(backup: DatabaseFacts, current: DatabaseFacts): Check {
  const weight = (facts: DatabaseFacts) => {
    const version = semver.coerce(facts.serverVersion);
    const minor = facts.dialect === 'mysql' || facts.dialect === 'mariadb' ? (version?.minor ?? 0) : 0;
    return (version?.major ?? 0) * 1000 + minor;
  };
  const status = backup.flavour !== current.flavour ? 'warning' : weight(current) < weight(backup) ? 'blocking' : 'ok';
  const remedies = {
    ok: NOTHING,
    warning: { text: 'MySQL and MariaDB differ in details; the load may be refused.' },
    blocking: { text: 'Update the database server to {{wanted}} or newer.', params: { wanted: backup.serverVersion } },
  };
  return {
    code: 'databaseVersion',
    status,
    backup: plain(`${backup.flavour} ${backup.serverVersion}`),
    current: plain(`${current.flavour} ${current.serverVersion}`),
    remedy: remedies[status],
  };
}

function appVersionCheck(from: string, to: string): Check {
  const [backup, current] = [semver.parse(from), semver.parse(to)];
  const newer = backup && current ? semver.gt(backup, current) : from !== to;
  return {
    code: 'appVersion',
    status: newer ? 'blocking' : 'ok',
    backup: plain(`NocoBase ${from}`),
    current: plain(`NocoBase ${to}`),
    remedy: newer
      ? { text: 'Update NocoBase here to {{wanted}} or newer.', params: { wanted: from } }
      : from === to
        ? NOTHING
        : { text: 'The data is upgraded to this version while it is restored.' },
  };
}

function pluginCheck(manifest: Manifest, current: CurrentSite): Check {
  const here = new Map(current.app.plugins.map(({ name, version }) => [name, version]));
  const missing = manifest.app.plugins.filter(({ name }) => !here.has(name));
  const older = manifest.app.plugins.filter(({ name, version }) => {
    const [theirs, ours] = [semver.parse(version), semver.parse(here.get(name) ?? '')];
    return theirs !== null && ours !== null && semver.lt(ours, theirs);
  });
  const named = (plugins: typeof missing) => plugins.map(({ name, version }) => `${name} ${version}`).join(', ');
  const problems = [...missing, ...older];
  return {
    code: 'plugins',
    status: problems.length === 0 ? 'ok' : 'warning',
    backup: problems.length === 0 ? plain(String(manifest.app.plugins.length)) : plain(named(problems)),
    current:
      problems.length === 0
        ? plain(String(here.size))
        : missing.length > 0
          ? { text: 'missing: {{plugins}}', params: { plugins: named(missing) } }
          : {
              text: 'older: {{plugins}}',
              params: { plugins: older.map(({ name }) => `${name} ${here.get(name)}`).join(', ') },
            },
    remedy:
      problems.length === 0
        ? NOTHING
        : {
            text: 'Install or update these plugins first; otherwise what they provide does not work after the restore.',
          },
  };
}

function keyCheck(manifest: Manifest, current: CurrentSite): Check {
  const other = Object.keys(manifest.keyFingerprints).filter(
    (key) => manifest.keyFingerprints[key] !== current.keyFingerprints[key],
  );
  return {
    code: 'keys',
    status: other.length === 0 ? 'ok' : 'warning',
    backup: plain(Object.keys(manifest.keyFingerprints).join(', ') || '–'),
    current:
      other.length === 0 ? { text: 'the same' } : { text: 'different: {{keys}}', params: { keys: other.join(', ') } },
    remedy:
      other.length === 0
        ? NOTHING
        : {
            text: 'Bring these keys from the old server, or secrets stored encrypted can not be read and users sign in anew.',
          },
  };
}

function planningChecks(planning: DatabasePlanning | null): Check[] {
  if (!planning) return [];
  return [
    ...planning.blockers.map(({ reason, remedy }): Check => {
      return { code: 'strategy', status: 'blocking', backup: NOTHING, current: reason, remedy };
    }),
    ...planning.warnings.map(({ code, backup, current, remedy }): Check => {
      return { code, status: 'warning', backup: plain(backup), current: plain(current), remedy };
    }),
  ];
}

function toolChecks(tools: readonly ToolReport[]): Check[] {
  return tools
    .filter((tool) => tool.status !== 'ok')
    .map((tool): Check => ({
      code: 'tools',
      status: 'blocking',
      backup: NOTHING,
      current:
        tool.status === 'missing'
          ? { text: '{{tool}} is missing', params: { tool: tool.name } }
          : { text: '{{tool}} {{version}} is too old', params: { tool: tool.name, version: tool.version ?? '' } },
      remedy: { text: 'Install it with: {{install}}', params: { install: tool.install } },
    }));
}

function folderChecks({ problems, moved, shared }: CurrentSite['folders']): Check[] {
  return [
    ...problems.map(({ folder, reason, remedy }): Check => {
      return { code: 'fileFolders', status: 'blocking', backup: plain(folder), current: reason, remedy };
    }),
    ...moved.map(({ there, here }): Check => {
      const remedy = { text: 'The files go to the folder that the file storage of this name has here.' };
      return { code: 'fileFolders', status: 'warning', backup: plain(there), current: plain(here), remedy };
    }),
    ...shared.map(({ folder, apps }): Check => {
      const current = { text: 'other apps may use it too: {{apps}}', params: { apps: apps.join(', ') } };
      const remedy = {
        text: 'Only files that records of this app name are restored and replaced. The app is unavailable longer the more of them there are.',
      };
      return { code: 'sharedFolders', status: 'ok', backup: plain(folder), current, remedy };
    }),
  ];
}

function spaceCheck({ space, discards }: CurrentSite): Check {
  const short = space.find(({ needed, free }) => free < needed);
  const needed = space.reduce((sum, one) => sum + one.needed, 0);
  const tight = short ?? space.find((one) => one.needed > 0);
  const remedies = {
    ok: NOTHING,
    warning: { text: 'Confirm which previous data to discard, or free some disk space.' },
    blocking: { text: 'Free some space there or delete old backups.' },
  };
  const status = !short ? 'ok' : discards ? 'warning' : 'blocking';
  return {
    code: 'freeSpace',
    status,
    backup: { text: '{{size}} needed', params: { size: readableBytes(short?.needed ?? needed) } },
    current: tight
      ? { text: '{{size}} free in {{folder}}', params: { size: readableBytes(tight.free), folder: tight.folder } }
      : plain('–'),
    remedy: remedies[status],
  };
}

function archiveCheck({ source, verified }: ArchiveFacts): Check {
  const line = (status: CheckStatus, current: string, remedy = ''): Check => {
    return { code: 'archive', status, backup: NOTHING, current: { text: current }, remedy: { text: remedy } };
  };
  if (source === 'replaced') {
    const remedy = 'Rescan the folder of backups, then check what the file is.';
    return line('blocking', 'not the archive that the list describes', remedy);
  }
  switch (verified?.result) {
    case 'failed':
      return line('blocking', 'verification failed', 'Use another backup, or verify this one again.');
    case 'restorable':
      return line('ok', 'verified');
    case 'bytes only':
      return line('ok', 'checksums verified, not loaded', 'Verify it again where its database can be loaded.');
    case undefined:
      return source === 'uploaded'
        ? line('ok', 'uploaded, checksum verified')
        : line('ok', 'never verified', 'Verify it first to be sure that it can be restored.');
  }
}

/** @throws NOT_IN_BACKUP */
export function requireContents(manifest: Manifest, contents: readonly Content[]): void {
  const missing = contents.find((content) => !manifest.contents.includes(content));
  if (missing) throw new SafekeepError('NOT_IN_BACKUP', { content: { text: CONTENT_NAMES[missing] } });
}
