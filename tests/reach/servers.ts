/** The servers that `npm run reach` tries, each private, started from this machine or from a Debian release. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import mysql from 'mysql2/promise';
import pg from 'pg';
import { findProgram, freePort, removeFolder, startChild, temporaryFolder } from '../support/child';
import { startMariadb } from '../support/mariadb';
import { startPostgres } from '../support/postgres';
import type { ServerAddress } from '../support/servers';
import { type Release, releaseWith, userIn, type Wanted } from './releases';

export interface ReachServer {
  address: ServerAddress;
  /** Folder with the clients of the server's own release. */
  tools: string;
  stop(): Promise<void>;
}

export interface ServerKind {
  family: 'postgres' | 'mysql' | 'mariadb';
  /** 'PostgreSQL 13'. */
  name: string;
  start(): Promise<ReachServer>;
}

/** Of each family from old to new. */
export const SERVERS: ServerKind[] = [
  postgresOf('13', 'bullseye'),
  { family: 'postgres', name: 'PostgreSQL 15', start: installedPostgres },
  postgresOf('17', 'trixie'),
  postgresOf('18', 'sid'),
  { family: 'mysql', name: 'MySQL 9.7', start: mysqlOfSid },
  { family: 'mariadb', name: 'MariaDB 10.11', start: installedMariadb },
  { family: 'mariadb', name: 'MariaDB 11.8', start: mariadbOfTrixie },
];

async function installedPostgres(): Promise<ReachServer> {
  const { host, port, superuser: user, password, stop } = await startPostgres();
  const bin = '/usr/lib/postgresql/15/bin';
  if (!existsSync(bin)) throw new Error('PostgreSQL 15 is missing. Install it with: apt-get install postgresql-15');
  return { address: { host, port, user, password }, tools: bin, stop };
}

async function installedMariadb(): Promise<ReachServer> {
  const { host, port, user, password, stop } = await startMariadb();
  const tools = temporaryFolder('reach-tools');
  for (const name of ['mariadb', 'mariadb-dump']) {
    symlinkSync(findProgram([name], [], 'apt-get install mariadb-client'), path.join(tools, name));
  }
  return {
    address: { host, port, user, password },
    tools,
    stop: async () => {
      await stop();
      removeFolder(tools);
    },
  };
}

function postgresOf(version: string, suite: string): ServerKind {
  const bin = `/usr/lib/postgresql/${version}/bin`;
  const clients = ['pg_dump', 'pg_restore', 'psql'].map((name) => `${bin}/${name}`);
  const start = async (): Promise<ReachServer> => {
    const wanted = { suite, packages: [`postgresql-${version}`], programs: [`${bin}/postgres`, ...clients] };
    return await startIn(wanted, clients, {
      user: 'postgres',
      initialise: (data) => [`${bin}/initdb`, '-D', data, '-U', 'postgres', '-A', 'trust', '--encoding=UTF8', '--locale=C.UTF-8', '--no-sync'], // prettier-ignore
      command: (data, port) => {
        const settings = { listen_addresses: '127.0.0.1', port, unix_socket_directories: '/tmp', dynamic_shared_memory_type: 'mmap', max_connections: 100, fsync: 'off' }; // prettier-ignore
        return [`${bin}/postgres`, '-D', data, ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`])]; // prettier-ignore
      },
      stopSignal: 'SIGINT',
      answers: answersPostgres,
    });
  };
  return { family: 'postgres', name: `PostgreSQL ${version}`, start };
}

const MYSQL_SETTINGS = (data: string, port: number) => [
  '--no-defaults',
  `--datadir=${data}`,
  `--port=${port}`,
  '--bind-address=127.0.0.1',
  `--socket=${data}/server.sock`,
  `--pid-file=${data}/server.pid`,
  '--innodb-use-native-aio=0',
  '--innodb-flush-log-at-trx-commit=0',
  '--max-allowed-packet=64M',
];

async function mysqlOfSid(): Promise<ReachServer> {
  const clients = ['/usr/bin/mysql', '/usr/bin/mysqldump'];
  const programs = ['/usr/sbin/mysqld', ...clients];
  return await startIn({ suite: 'sid', packages: ['mysql-server', 'mysql-client'], programs }, clients, {
    user: 'mysql',
    initialise: (data) => ['/usr/sbin/mysqld', '--no-defaults', '--initialize-insecure', `--datadir=${data}`],
    // With a binary log, the creator of a function must be trusted.
    command: (data, port) => ['/usr/sbin/mysqld', ...MYSQL_SETTINGS(data, port), '--mysqlx=OFF', '--log-bin-trust-function-creators=ON'], // prettier-ignore
    stopSignal: 'SIGTERM',
    answers: answersMysql,
  });
}

async function mariadbOfTrixie(): Promise<ReachServer> {
  const clients = ['/usr/bin/mariadb', '/usr/bin/mariadb-dump'];
  const programs = ['/usr/sbin/mariadbd', ...clients];
  return await startIn({ suite: 'trixie', packages: ['mariadb-server', 'mariadb-client'], programs }, clients, {
    user: 'mysql',
    initialise: (data) => ['/usr/bin/mariadb-install-db', '--no-defaults', `--datadir=${data}`, '--auth-root-authentication-method=normal', '--skip-test-db'], // prettier-ignore
    command: (data, port) => [
      '/usr/sbin/mariadbd',
      ...MYSQL_SETTINGS(data, port),
      '--skip-name-resolve',
      '--character-set-server=utf8mb4',
    ],
    stopSignal: 'SIGTERM',
    answers: answersMysql,
  });
}

interface Recipe {
  user: 'postgres' | 'mysql';
  /** `data`: the data folder as the release sees it. */
  initialise(data: string): string[];
  command(data: string, port: number): string[];
  stopSignal: NodeJS.Signals;
  answers(address: ServerAddress): Promise<boolean>;
}

async function startIn(wanted: Wanted, clients: string[], recipe: Recipe): Promise<ReachServer> {
  const release = await releaseWith(wanted);
  const { root } = release;
  const { uid, gid } = userIn(root, recipe.user);
  const data = `/var/lib/safekeep-reach-${randomBytes(4).toString('hex')}`;
  const folder = path.join(root, data);
  mkdirSync(folder, { mode: 0o700 });
  chownSync(folder, uid, gid);
  const within = ['--userspec', `${uid}:${gid}`, root];
  await promisify(execFile)('chroot', [...within, ...recipe.initialise(data)], { maxBuffer: 1 << 24 });
  const port = await freePort();
  const address = { host: '127.0.0.1', port, user: recipe.user === 'mysql' ? 'root' : 'postgres', password: '' };
  const child = startChild('chroot', [...within, ...recipe.command(data, port)], {
    stopSignal: recipe.stopSignal,
    graceMs: 30_000,
  });
  const tools = toolsOf(release, clients);
  const stop = async () => {
    await child.stop();
    removeFolder(folder);
    removeFolder(tools);
  };
  try {
    await child.waitUntil(() => recipe.answers(address), 120_000);
  } catch (error) {
    await stop();
    throw error;
  }
  return { address, tools, stop };
}

function toolsOf(release: Release, clients: string[]): string {
  const folder = temporaryFolder('reach-tools');
  for (const client of clients) {
    const file = path.join(folder, path.basename(client));
    writeFileSync(file, release.wrapper(client));
    chmodSync(file, 0o755);
  }
  return folder;
}

async function answersPostgres({ host, port, user }: ServerAddress): Promise<boolean> {
  const client = new pg.Client({ host, port, user, database: 'postgres' });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function answersMysql({ host, port, user }: ServerAddress): Promise<boolean> {
  try {
    const connection = await mysql.createConnection({ host, port, user });
    await connection.end();
    return true;
  } catch {
    return false;
  }
}
