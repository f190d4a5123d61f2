import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { findProgram, freePort, removeFolder, startChild, temporaryFolder, versionedFolders } from './child';
import { systemUser } from './system-user';

export interface PostgresServer {
  host: string;
  port: number;
  superuser: string;
  password: string;
  stop(): Promise<void>;
}

export interface PostgresOptions {
  /** Keeps PostgreSQL's own fsync on: for tests that kill the server. Slower. */
  durable?: boolean;
  /** Further parameters of the server. */
  settings?: Record<string, string | number>;
  /** Files created in the data folder, readable by the server only: name to content. */
  files?: Record<string, string>;
}

/** Starts a private PostgreSQL server in a temporary folder; connections over TCP need the password. */
export async function startPostgres({
  durable = false,
  settings: more = {},
  files = {},
}: PostgresOptions = {}): Promise<PostgresServer> {
  const folders = versionedFolders('/usr/lib/postgresql', 'bin');
  const initdb = findProgram(['initdb'], folders, 'apt-get install postgresql-15');
  const postgres = findProgram(['postgres'], folders, 'apt-get install postgresql-15');
  const user = systemUser('postgres'); // PostgreSQL refuses to run as root.
  const folder = temporaryFolder('postgres');
  const data = path.join(folder, 'data');
  const passwordFile = path.join(folder, 'password');
  const password = randomBytes(12).toString('hex');
  const superuser = 'postgres';
  mkdirSync(data, { mode: 0o700 });
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (user) for (const file of [folder, data, passwordFile]) chownSync(file, user.uid, user.gid);

  await promisify(execFile)(
    initdb,
    ['-D', data, '-U', superuser, '--pwfile', passwordFile, '--auth=scram-sha-256', '--encoding=UTF8'].concat(
      '--locale=C.UTF-8',
      '--no-sync',
    ),
    { ...user, cwd: folder },
  );
  const host = '127.0.0.1';
  const port = await freePort();
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(path.join(data, name), content, { mode: 0o600 });
    if (user) chownSync(path.join(data, name), user.uid, user.gid);
  }
  const settings = { listen_addresses: host, port, unix_socket_directories: folder, max_connections: 200, ...more };
  const unsafe = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' };
  const args = Object.entries({ ...settings, ...(durable ? {} : unsafe) }).flatMap(([k, v]) => ['-c', `${k}=${v}`]);
  const child = startChild(postgres, ['-D', data, ...args], {
    ...user,
    cwd: folder,
    stopSignal: 'SIGINT', // "fast": ends sessions, then itself.
    graceMs: 10_000,
  });
  const stop = async () => {
    await child.stop();
    removeFolder(folder);
  };
  try {
    await child.waitUntil(() => answers({ host, port, user: superuser, password, database: 'postgres' }), 60_000);
  } catch (error) {
    await stop();
    throw error;
  }
  return { host, port, superuser, password, stop };
}

async function answers(config: pg.ClientConfig): Promise<boolean> {
  const client = new pg.Client(config);
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('SELECT 1');
    return true;
  } catch {
    return false; // Not yet: the caller tries again and gives up in the end.
  } finally {
    await client.end().catch(() => undefined);
  }
}
