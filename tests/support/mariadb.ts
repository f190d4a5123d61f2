import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import mysql from 'mysql2/promise';
import { findProgram, freePort, removeFolder, startChild, temporaryFolder } from './child';
import { systemUser } from './system-user';

export interface MariadbServer {
  host: string;
  port: number;
  user: string;
  password: string;
  /** Path of the Unix socket. */
  socket: string;
  /** As a power cut does; the server is down afterwards. */
  kill(): Promise<void>;
  /** Up again after `kill`, on the same port and data. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts a private MariaDB server in a temporary folder; login requires the password, over TCP and the socket alike. `more`:
 * settings of the server besides ours. `onData`: called with the folder of its data, empty yet.
 */
export async function startMariadb(
  more: Record<string, string | number> = {},
  onData?: (folder: string) => void,
): Promise<MariadbServer> {
  const install = 'apt-get install mariadb-server mariadb-client';
  const installDb = findProgram(['mariadb-install-db', 'mysql_install_db'], [], install);
  const mariadbd = findProgram(['mariadbd'], [], install);
  const systemId = systemUser('mysql');
  const folder = temporaryFolder('mariadb');
  const data = path.join(folder, 'data');
  const firstStatements = path.join(folder, 'init.sql');
  const socket = path.join(folder, 'mariadb.sock');
  const user = 'admin';
  const password = randomBytes(12).toString('hex');
  mkdirSync(data, { mode: 0o700 });
  onData?.(data);
  writeFileSync(
    firstStatements,
    [
      ...['localhost', '127.0.0.1', '::1'].map((from) => `DROP USER IF EXISTS 'root'@'${from}';`),
      `CREATE USER '${user}'@'%' IDENTIFIED BY '${password}';`,
      `GRANT ALL PRIVILEGES ON *.* TO '${user}'@'%' WITH GRANT OPTION;`,
    ].join('\n'),
    { mode: 0o600 },
  );
  if (systemId) for (const file of [folder, data, firstStatements]) chownSync(file, systemId.uid, systemId.gid);

  const common = ['--no-defaults', `--datadir=${data}`, '--innodb-log-file-size=32M', '--innodb-use-native-aio=0'];
  await promisify(execFile)(
    installDb,
    [...common, '--auth-root-authentication-method=normal', '--skip-test-db', '--skip-name-resolve'],
    { ...systemId, cwd: folder },
  );
  const host = '127.0.0.1';
  const port = await freePort();
  const settings = {
    'bind-address': host,
    port,
    socket,
    'pid-file': path.join(folder, 'mariadb.pid'),
    // A server that starts removes what others keep in a temporary folder they share.
    tmpdir: folder,
    'init-file': firstStatements,
    'character-set-server': 'utf8mb4',
    'collation-server': 'utf8mb4_unicode_ci',
    'innodb-buffer-pool-size': '64M',
    'innodb-flush-log-at-trx-commit': 0,
    'max-allowed-packet': '64M',
    'max-connections': 200,
    ...more,
  };
  const args = Object.entries(settings).map(([name, value]) => `--${name}=${value}`);
  const launch = () =>
    startChild(mariadbd, [...common, ...args, '--skip-name-resolve'], {
      ...systemId,
      cwd: folder,
      stopSignal: 'SIGTERM',
      graceMs: 15_000,
    });
  let child = launch();
  const isUp = () => child.waitUntil(() => answers({ host, port, user, password }), 60_000);
  const stop = async () => {
    await child.stop();
    removeFolder(folder);
  };
  try {
    await isUp();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    host,
    port,
    user,
    password,
    socket,
    kill: async () => {
      child.process.kill('SIGKILL');
      await child.stop();
    },
    start: async () => {
      writeFileSync(firstStatements, '');
      child = launch();
      await isUp();
    },
    stop,
  };
}

async function answers(config: mysql.ConnectionOptions): Promise<boolean> {
  try {
    const connection = await mysql.createConnection(config);
    await connection.query('SELECT 1');
    await connection.end();
    return true;
  } catch {
    return false; // Not yet: the caller asks again and gives up in the end.
  }
}
