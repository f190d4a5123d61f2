/** Whether a backup is compatible with this app, line by line. Pure: facts in, checks out. */
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
  /** The facts of the backup and of this app, as the user reads them. */
  backup: Message;
  current: Message;
  /** The fix for the problem; empty text when there is none. */
  remedy: Message;
}

/** The facts about this app that a backup is compared with. */
export interface CurrentSite {
  app: Manifest['app'];
  database: DatabaseFacts;
  tools: ToolReport[];
  planning: DatabasePlanning | null;
  keyFingerprints: Record<string, string>;
  /** Folders that get new data: bytes needed and free there, per file system. */
  space: { folder: string; needed: number; free: number }[];
  /** Previous data that must be discarded to make room; null when even that is not enough. */
  discards: readonly string[] | null;
  /** Facts about the archive itself; null for a verification, which finds them out. */
  archive: ArchiveFacts | null;
  /** Where the files are restored to. */
  folders: Pick<FolderPlanning, 'problems' | 'moved' | 'shared'>;
}

/** The facts about an archive before its data is read. */
export interface ArchiveFacts {
  /** listed: the file that the list describes. replaced: another file under its name. uploaded: its checksum was verified. */
  source: 'listed' | 'replaced' | 'uploaded';
  /** Its last verification; null before the first. */
  verified: Verification | null;
}

const NOTHING: Message = { text: '' };
const plain = (text: string): Message => ({ text: '{{text}}', params: { text } });

/** The checks, in the order in which a person reads them. Only the needs of the chosen contents are checked. */
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

/** What the user accepted. */
export interface Accepted {
  /** Codes of warnings. */
  acceptWarnings: readonly string[];
  /** Previous data to discard permanently. */
  discard: readonly string[];
}

/** @throws INCOMPATIBLE, WARNINGS_NOT_ACCEPTED, PREVIOUS_AT_RISK */
export function requireCompatible(checks: readonly Check[], discards: readonly string[], accepted: Accepted): void {
  const summaries = (found: Check[]): Message[] =>
    found.map(({ code, backup, current }): Message => {
      const name = checkName(code);
      return backup.text === ''
        ? { text: '{{name}}: {{current}}', params: { name, current } }
        : { text: '{{name}}: {{backup}} → {{current}}', params: { name, backup, current } };
    });
  const blocking = checks.filter((check) => check.status === 'blocking');
  if (blocking.length > 0) throw new SafekeepError('INCOMPATIBLE', { checks: summaries(blocking) });
  // Accepted only by naming the data to discard.
  const unconfirmed = discards.filter((id) => !accepted.discard.includes(id));
  if (unconfirmed.length > 0) throw new SafekeepError('PREVIOUS_AT_RISK', { count: unconfirmed.length });
  const open = checks.filter(
    ({ status, code }) => status === 'warning' && code !== 'freeSpace' && !accepted.acceptWarnings.includes(code),
  );
  if (open.length > 0) throw new SafekeepError('WARNINGS_NOT_ACCEPTED', { checks: summaries(open) });
}

/** The name of a check, for messages. */
export function checkName(code: string): Message {
  return { text: CHECK_NAMES[code] ?? code };
}

function databaseChecks(backup: DatabaseFacts, current: DatabaseFacts): Check[] {
  const equal = (
    key: 'dialect' | 'underscored' | 'tablePrefix' | 'schema' | 'encoding' | 'collation',
    status: CheckStatus,
    remedy: Message,
  ): Check => {
    const [from, to] = [String(backup[key]) || '–', String(current[key]) || '–'];
    const line = { code: key, backup: plain(from), current: plain(to) };
    if (from === to) return { ...line, status: 'ok', remedy: NOTHING };
    return { ...line, status, remedy: { ...remedy, params: { wanted: from } } };
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
    equal('collation', 'warning', { text: 'Text can sort and compare differently from {{wanted}}.' }),
  ];
}

/** The major version decides whether a dump can be loaded; for MySQL and MariaDB the minor one does, too. */
function databaseVersionCheck(backup: DatabaseFacts, current: DatabaseFacts): Check {
  const weight = (facts: DatabaseFacts) => {
    const version = semver.coerce(facts.serverVersion);
    const minor = facts.dialect === 'mysql' || facts.dialect === 'mariadb' ? (version?.minor ?? 0) : 0;
    return (version?.major ?? 0) * 1000 + minor;
  };
  const status = backup.flavour !== current.flavour ? 'warning' : weight(current) < weight(backup) ? 'blocking' : 'ok';
  const remedies = {
    ok: NOTHING,
    warning: { text: 'MySQL and MariaDB differ in details; the server can reject the dump.' },
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
        : { text: 'The restore upgrades the data to this version.' },
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
            text: 'Install or update these plugins first; otherwise their features do not work after the restore.',
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
            text: 'Copy these keys from the old server; otherwise encrypted data cannot be decrypted and users must sign in again.',
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
      const remedy = { text: 'The files are restored to the folder that this file storage uses here.' };
      return { code: 'fileFolders', status: 'warning', backup: plain(there), current: plain(here), remedy };
    }),
    ...shared.map(({ folder, apps }): Check => {
      const current = { text: 'other apps may use it too: {{apps}}', params: { apps: apps.join(', ') } };
      const remedy = {
        text: 'Only files named in records of this app are restored and replaced. The more files there are, the longer the app is unavailable.',
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
    blocking: { text: 'Free some space there, or delete old backups.' },
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
  const line = (status: CheckStatus, current: Message, remedy: Message = NOTHING): Check => {
    return { code: 'archive', status, backup: NOTHING, current, remedy };
  };
  if (source === 'replaced') {
    const remedy = { text: 'Rescan the backup folder, then find out what the file is.' };
    return line('blocking', { text: 'not the archive that the list describes' }, remedy);
  }
  switch (verified?.result) {
    case 'failed':
      return line(
        'blocking',
        { text: 'verification failed' },
        { text: 'Use another backup, or verify this one again.' },
      );
    case 'restorable':
      return line('ok', { text: 'verified' });
    case 'bytes only': {
      const remedy = { text: 'Verify it again on a server that can load its database.' };
      return line('ok', { text: 'checksums verified, not loaded' }, remedy);
    }
    case undefined:
      return source === 'uploaded'
        ? line('ok', { text: 'uploaded, checksum verified' })
        : line('ok', { text: 'never verified' }, { text: 'Verify it first to be sure that it can be restored.' });
  }
}

/** @throws NOT_IN_BACKUP */
export function requireContents(manifest: Manifest, contents: readonly Content[]): void {
  const missing = contents.find((content) => !manifest.contents.includes(content));
  if (missing) throw new SafekeepError('NOT_IN_BACKUP', { content: { text: CONTENT_NAMES[missing] } });
}
