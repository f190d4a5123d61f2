/** Finds native database clients on this machine and names the command that installs a missing one. */
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import semver from 'semver';
import { outputOfTool } from '../process';

export interface FoundTool {
  /** Absolute path as found, not resolved: some executables act by the name they are called by. */
  path: string;
  /** Dotted numbers, '15.18'. */
  version: string;
  /** First line of the --version output; it identifies the flavour. */
  raw: string;
}

export type ClientKind = 'postgres' | 'mysql' | 'mariadb';

/** Path list that replaces all other search folders, for unusual installations and for tests. */
export const TOOLS_PATH_VARIABLE = 'SAFEKEEP_TOOLS_PATH';

/** Where distributions and installers put clients; a segment can contain one `*`. */
const USUAL_FOLDERS = [
  '/usr/lib/postgresql/*/bin',
  '/usr/pgsql-*/bin',
  '/usr/libexec/postgresql*',
  '/usr/local/pgsql/bin',
  '/usr/local/pgsql-*/bin',
  '/usr/local/mysql/bin',
  '/usr/local/mysql-*/bin',
  '/usr/local/mariadb/bin',
  '/usr/local/bin',
  '/usr/bin',
  '/bin',
  '/opt/homebrew/bin',
  '/opt/homebrew/opt/*/bin',
  '/usr/local/opt/*/bin',
  '/opt/local/lib/postgresql*/bin',
  '/Applications/Postgres.app/Contents/Versions/*/bin',
  '/opt/mysql/bin',
  '/opt/mariadb/bin',
  'C:/Program Files/PostgreSQL/*/bin',
  'C:/Program Files/MySQL/*/bin',
  'C:/Program Files/MariaDB*/bin',
];

/** Debian's dispatcher: it selects a version at each call, so its --version output is not reliable. */
const DISPATCHERS = new Set(['pg_wrapper']);

/**
 * Every working tool with one of these names (without extension), highest version first; within a version in search-path
 * order, within a folder in the order of `names`. A tool that does not run or reports no version is skipped. `folders` are
 * searched before the usual ones.
 */
export async function findTools(names: string[], folders: string[] = []): Promise<FoundTool[]> {
  const candidates: string[] = [];
  const seen = new Set<string>();
  for (const folder of await searchFolders(folders)) {
    for (const name of names) {
      const file = await executableIn(folder, name);
      if (!file) continue;
      const real = await realpath(file).catch(() => file);
      const realName = path.basename(real, path.extname(real) === '.exe' ? '.exe' : undefined);
      if (DISPATCHERS.has(realName)) continue;
      // One file under two of these names is one tool; one file that serves many names (busybox style) is not.
      const key = names.includes(realName) ? real : `${real}\0${name}`;
      if (seen.has(key)) continue;
      seen.add(key);
      candidates.push(file);
    }
  }
  const found = await Promise.all(candidates.map(askVersion));
  return found
    .filter((tool) => tool !== null)
    .sort((a, b) => semver.rcompare(comparable(a.version), comparable(b.version)));
}

/** First number of a dotted version; 0 when there is none. */
export function majorOf(version: string): number {
  return comparable(version).major;
}

/** A version that `semver` compares, from dotted numbers of any length; 0.0.0 when there are none. */
export function comparable(version: string): semver.SemVer {
  return semver.coerce(version) ?? new semver.SemVer('0.0.0');
}

/**
 * The version in the --version output of a client, as dotted numbers; null when there is none. Clients of MariaDB and older
 * MySQL releases print their own number first and that of the distribution after it: the latter counts.
 */
export function parseVersion(raw: string): string | null {
  const match =
    /(\d+(?:\.\d+)+)-MariaDB/i.exec(raw) ??
    /\bDistrib\s+(\d+(?:\.\d+)*)/i.exec(raw) ??
    /\bfrom\s+(\d+(?:\.\d+)*)/i.exec(raw) ??
    /\bVer\s+(\d+(?:\.\d+)*)/i.exec(raw) ??
    /\(PostgreSQL\)\s*(\d+(?:\.\d+)*)/i.exec(raw) ??
    /(\d+(?:\.\d+)*)/.exec(raw);
  return match?.[1] ?? null;
}

async function askVersion(file: string): Promise<FoundTool | null> {
  try {
    const raw = (await outputOfTool({ path: file, args: ['--version'], idleTimeoutMs: 10_000 })).trim().split('\n')[0];
    const version = parseVersion(raw ?? '');
    return raw && version ? { path: file, version, raw } : null;
  } catch {
    // A tool that reports no version is useless for a backup: treat it as missing.
    return null;
  }
}

async function searchFolders(extra: string[]): Promise<string[]> {
  const only = process.env[TOOLS_PATH_VARIABLE];
  const patterns = only
    ? only.split(path.delimiter)
    : [...extra, ...(process.env.PATH ?? '').split(path.delimiter), ...USUAL_FOLDERS];
  const folders: string[] = [];
  for (const pattern of patterns) {
    if (!pattern || !path.isAbsolute(pattern)) continue;
    folders.push(...(only ? [pattern] : await expandFolder(pattern)));
  }
  return [...new Set(folders)];
}

/** Folders that match a pattern with `*` within segments; a pattern without one is returned unchecked. */
async function expandFolder(pattern: string): Promise<string[]> {
  const segments = pattern.split('/');
  const star = segments.findIndex((segment) => segment.includes('*'));
  if (star < 0) return [pattern];
  const parent = segments.slice(0, star).join('/') || '/';
  const [before = '', after = ''] = (segments[star] ?? '').split('*');
  const names = await readdir(parent).catch(() => [] as string[]);
  const fitting = names.filter((name) => name.startsWith(before) && name.endsWith(after)).sort();
  const rest = segments.slice(star + 1);
  const expanded = await Promise.all(fitting.map((name) => expandFolder([parent, name, ...rest].join('/'))));
  return expanded.flat();
}

async function executableIn(folder: string, name: string): Promise<string | null> {
  const file = path.join(folder, process.platform === 'win32' ? `${name}.exe` : name);
  const facts = await stat(file).catch(() => null);
  if (!facts?.isFile()) return null;
  return process.platform === 'win32' || (facts.mode & 0o111) !== 0 ? file : null;
}

/** The relevant facts of /etc/os-release. */
export interface OperatingSystem {
  /** 'debian', 'ubuntu', 'alpine', 'rhel', 'macos', 'windows' or 'other'. */
  family: 'debian' | 'ubuntu' | 'alpine' | 'rhel' | 'macos' | 'windows' | 'other';
  /** VERSION_ID, '12', '24.04'. */
  version: string;
}

/** Newest PostgreSQL client that a release ships; other major versions come from PostgreSQL's own repository. */
const OWN_POSTGRES: Record<string, number> = {
  'debian 11': 13,
  'debian 12': 15,
  'debian 13': 17,
  'ubuntu 20.04': 12,
  'ubuntu 22.04': 14,
  'ubuntu 24.04': 16,
  'ubuntu 26.04': 18,
};

/** The command that installs clients of this kind here. `version`: the server's; the client must not be older. */
export async function installCommand(kind: ClientKind, version: string): Promise<string> {
  return installCommandFor(await operatingSystem(), kind, majorOf(version));
}

/** As `installCommand`, for a given system. `major` 0: any. */
export function installCommandFor(system: OperatingSystem, kind: ClientKind, major: number): string {
  if (kind === 'postgres') return installPostgres(system, major);
  return MYSQL_PACKAGES[system.family][kind];
}

const MYSQL_PACKAGES: Record<OperatingSystem['family'], Record<'mysql' | 'mariadb', string>> = {
  // Debian does not ship MySQL; Oracle's own repository has to be added first.
  debian: {
    mysql:
      'apt-get install -y lsb-release gnupg && curl -fLO https://dev.mysql.com/get/mysql-apt-config_0.8.36-1_all.deb && ' +
      'dpkg -i mysql-apt-config_0.8.36-1_all.deb && apt-get update && apt-get install -y mysql-client',
    mariadb: 'apt-get update && apt-get install -y mariadb-client',
  },
  ubuntu: {
    mysql: 'apt-get update && apt-get install -y mysql-client',
    mariadb: 'apt-get update && apt-get install -y mariadb-client',
  },
  alpine: { mysql: 'apk add mysql-client', mariadb: 'apk add mariadb-client' },
  rhel: { mysql: 'dnf install -y mysql', mariadb: 'dnf install -y mariadb' },
  macos: { mysql: 'brew install mysql-client', mariadb: 'brew install mariadb' },
  windows: { mysql: 'winget install Oracle.MySQL', mariadb: 'winget install MariaDB.Server' },
  other: {
    mysql: 'https://dev.mysql.com/downloads/mysql/',
    mariadb: 'https://mariadb.com/downloads/',
  },
};

function installPostgres({ family, version }: OperatingSystem, major: number): string {
  const wanted = major || 17;
  switch (family) {
    case 'debian':
    case 'ubuntu': {
      const own = OWN_POSTGRES[`${family} ${version}`];
      const install = `apt-get install -y postgresql-client-${wanted}`;
      if (own === wanted) return `apt-get update && ${install}`;
      return (
        'apt-get update && apt-get install -y postgresql-common ca-certificates && ' +
        `/usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y && ${install}`
      );
    }
    case 'alpine':
      return `apk add postgresql${wanted}-client`;
    case 'rhel':
      return (
        `dnf install -y https://download.postgresql.org/pub/repos/yum/reporpms/EL-${majorOf(version) || 9}-` +
        `${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}/pgdg-redhat-repo-latest.noarch.rpm && ` +
        `dnf install -y postgresql${wanted}`
      );
    case 'macos':
      return `brew install postgresql@${wanted}`;
    case 'windows':
      return `winget install PostgreSQL.PostgreSQL.${wanted}`;
    case 'other':
      return `https://www.postgresql.org/download/ (PostgreSQL ${wanted})`;
  }
}

async function operatingSystem(): Promise<OperatingSystem> {
  if (process.platform === 'darwin') return { family: 'macos', version: '' };
  if (process.platform === 'win32') return { family: 'windows', version: '' };
  return parseOsRelease(await readFile('/etc/os-release', 'utf8').catch(() => ''));
}

/** @see https://www.freedesktop.org/software/systemd/man/latest/os-release.html */
export function parseOsRelease(text: string): OperatingSystem {
  const value = (key: string) => new RegExp(`^${key}=["']?([^"'\\n]*)`, 'm').exec(text)?.[1] ?? '';
  const version = value('VERSION_ID');
  for (const id of [value('ID'), ...value('ID_LIKE').split(' ')]) {
    if (id === 'debian' || id === 'ubuntu' || id === 'alpine') return { family: id, version };
    if (['rhel', 'fedora', 'centos', 'rocky', 'almalinux', 'ol', 'amzn'].includes(id)) {
      return { family: 'rhel', version };
    }
  }
  return { family: 'other', version };
}
