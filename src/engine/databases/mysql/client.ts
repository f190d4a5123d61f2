/** The command-line clients of MySQL and MariaDB: selection, flags and credentials. */
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { rootCertificates } from 'node:tls';
import { SafekeepError } from '../../errors';
import { makeTemporaryFolder } from '../../temporary-folder';
import type { DatabaseConnection, ToolReport } from '../driver';
import { type MysqlServer, tlsOf } from './connection';
import { type FoundTool, comparable, findTools, installCommand, majorOf } from '../tools';

type Flavour = MysqlServer['flavour'];
export type ClientTask = 'dump' | 'load';

const NAMES: Record<Flavour, Record<ClientTask, string[]>> = {
  mariadb: { dump: ['mariadb-dump', 'mysqldump'], load: ['mariadb', 'mysql'] },
  mysql: { dump: ['mysqldump'], load: ['mysql'] },
};

/** Oldest MariaDB client that dumps sequences, which the servers have supported since then. */
const OLDEST_MARIADB = '10.3.0';

/** The best client for each task; a missing one is part of the report. Never throws. */
export async function toolsFor(
  server: Pick<MysqlServer, 'flavour' | 'version'>,
): Promise<Record<ClientTask, ToolReport>> {
  const install = await installCommand(server.flavour, server.version);
  const report = async (task: ClientTask): Promise<ToolReport> => {
    const names = NAMES[server.flavour][task];
    const all = await findTools(names);
    const found = all.filter(({ raw }) => /\d-MariaDB\b/i.test(raw) === (server.flavour === 'mariadb'));
    const best = bestOf(found, server);
    const shown = best ?? found[0];
    return {
      name: names[0] ?? '', // Every list of names has one.
      path: best?.path ?? null,
      version: shown?.version ?? null,
      status: best ? 'ok' : shown ? 'too old' : 'missing',
      install,
    };
  };
  const [dump, load] = await Promise.all([report('dump'), report('load')]);
  return { dump, load };
}

/** A client of the server's own release, else the next newer one, else the newest older one that is recent enough. */
export function bestOf(found: FoundTool[], server: Pick<MysqlServer, 'flavour' | 'version'>): FoundTool | undefined {
  const wanted = comparable(server.version);
  const able = found.filter(({ version }) =>
    // MySQL's tools support the next major version neither in authentication nor in their queries.
    server.flavour === 'mysql'
      ? majorOf(version) >= wanted.major
      : comparable(version).compare(comparable(OLDEST_MARIADB)) >= 0,
  );
  const release = ({ version }: FoundTool) => comparable(version).major * 1000 + comparable(version).minor;
  const target = wanted.major * 1000 + wanted.minor;
  const newer = able.filter((tool) => release(tool) >= target);
  const nearest = newer.sort((a, b) => release(a) - release(b))[0];
  return nearest ?? able.sort((a, b) => release(b) - release(a))[0];
}

/** @throws TOOL_MISSING, TOOL_TOO_OLD */
export async function requireTool(server: MysqlServer, task: ClientTask): Promise<{ path: string; version: string }> {
  const { [task]: tool } = await toolsFor(server);
  if (tool.path && tool.version) return { path: tool.path, version: tool.version };
  const { name, version, install } = tool;
  if (tool.status === 'missing') throw new SafekeepError('TOOL_MISSING', { tool: name, install });
  throw new SafekeepError('TOOL_TOO_OLD', {
    tool: name,
    version: version ?? '',
    serverVersion: server.version,
    install,
  });
}

/**
 * Flags of every dump. TIMESTAMPs are written in UTC under a UTC session time zone (the tools' default), so they denote the
 * same moment on a server in any time zone; DATETIMEs have no time zone and pass unchanged.
 */
export function dumpFlags(server: MysqlServer, clientVersion: string): string[] {
  const common = [
    '--single-transaction',
    '--quick',
    '--hex-blob',
    '--default-character-set=utf8mb4',
    '--max-allowed-packet=1G',
    '--no-tablespaces',
    '--skip-lock-tables',
    '--skip-add-locks',
    '--skip-triggers',
    // The end mark is a comment; without a date, the same data produces the same bytes.
    '--comments',
    '--skip-dump-date',
  ];
  if (server.flavour === 'mariadb') return common;
  // Version 8 queries statistics that older servers do not have; a restore does not need them.
  const statistics = majorOf(clientVersion) >= 8 ? ['--column-statistics=0'] : [];
  return [...common, '--set-gtid-purged=OFF', ...statistics];
}

/** `--binary-mode` also disables the client's own commands, so a dump cannot make it run programs or read files. */
export const LOAD_FLAGS = [
  '--binary-mode',
  '--batch',
  '--default-character-set=utf8mb4',
  '--max-allowed-packet=1G',
  '--local-infile=0',
];

/** A client's credentials: the first argument, and additions to its environment. */
export interface Credentials {
  firstArg: string;
  env: Record<string, string>;
  /** Removes the files. Idempotent. */
  remove(): Promise<void>;
}

/**
 * Writes host, user, password and TLS into a 0600 file in a 0700 folder. The client reads only this file, so the machine's own
 * configuration does not affect the dump.
 */
export async function credentialsFile(
  to: DatabaseConnection,
  server: MysqlServer,
  clientVersion: string,
): Promise<Credentials> {
  const folder = await makeTemporaryFolder();
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    const write = async (name: string, content: string) => {
      const file = path.join(folder, name);
      await writeFile(file, content, { mode: 0o600, flag: 'wx' });
      return file;
    };
    const options: [string, string][] = [
      ['protocol', 'tcp'],
      ['host', to.host ?? 'localhost'],
      ['port', String(to.port ?? 3306)],
      ['user', to.username ?? ''],
      ['password', to.password ?? ''],
      ...(await tlsLines(to, server, clientVersion, write)),
    ];
    const lines = options.map(([key, value]) =>
      value === '' && key.startsWith('skip-') ? key : `${key}=${quote(value)}`,
    );
    const file = await write('client.cnf', ['[client]', ...lines, ''].join('\n'));
    return {
      firstArg: `--defaults-file=${file}`,
      env: { MYSQL_TEST_LOGIN_FILE: path.join(folder, 'none') },
      remove,
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function tlsLines(
  to: DatabaseConnection,
  server: MysqlServer,
  clientVersion: string,
  write: (name: string, content: string) => Promise<string>,
): Promise<[string, string][]> {
  const tls = tlsOf(to);
  const isMariadb = server.flavour === 'mariadb';
  if (!tls) {
    // Newer MariaDB clients require TLS with a verified certificate; the app itself connects without TLS.
    return isMariadb ? [['skip-ssl', '']] : [['loose-get-server-public-key', '1']];
  }
  const lines: [string, string][] = [];
  if (tls.cert) lines.push(['ssl-cert', await write('cert.pem', tls.cert)]);
  if (tls.key) lines.push(['ssl-key', await write('key.pem', tls.key)]);
  // Without a certificate authority of its own, the app trusts those of Node.js.
  const ca = tls.ca ?? (tls.rejectUnauthorized ? rootCertificates.join('\n') : '');
  if (ca && tls.rejectUnauthorized) lines.push(['ssl-ca', await write('ca.pem', ca)]);
  // Like the app's own driver, the client verifies the authority and not the host name. Clients before 11.4 verify the authority
  // whenever one is given; later ones verify both or neither.
  const checksBoth = comparable(clientVersion).compare('11.4.0') >= 0;
  if (isMariadb) lines.push(['ssl', '1'], ['ssl-verify-server-cert', tls.rejectUnauthorized && checksBoth ? '1' : '0']);
  else lines.push(['ssl-mode', tls.rejectUnauthorized ? 'VERIFY_CA' : 'REQUIRED']);
  return lines;
}

/** A value of an option file; the clients unescape it. */
function quote(value: string): string {
  const escapes: Record<string, string> = { '\\': '\\\\', '"': '\\"', '\n': '\\n', '\r': '\\r', '\t': '\\t' };
  return `"${value.replace(/[\\"\n\r\t]/g, (char) => escapes[char] ?? char)}"`;
}
