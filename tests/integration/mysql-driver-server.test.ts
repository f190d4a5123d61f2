/** Failures of the server during a load do not count against the backup: they have codes of their own, and the same backup then loads. */
import mysql from 'mysql2/promise';
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DatabaseConnection } from '../../src/engine/databases/driver';
import { createMysqlDriver } from '../../src/engine/databases/mysql';
import { type MariadbServer, startMariadb } from '../support/mariadb';
import { dumpAll, type Dumped, exec, pieces, planned, rowsOf, runOf, staged } from '../support/mysql-driver';
import { mountSmallDisk, type SmallDisk } from '../support/small-disk';

let server: MariadbServer;
let disk: SmallDisk;
beforeAll(async () => {
  const settings = { 'max-allowed-packet': '16M', 'innodb-log-file-size': '16M', 'innodb-data-file-path': 'ibdata1:12M:autoextend' }; // prettier-ignore
  server = await startMariadb(settings, (folder) => {
    disk = mountSmallDisk(folder, 320e6);
    // The server's own user creates its data there.
    disk.open();
  });
});
afterAll(async () => {
  await server?.kill();
  disk?.unmount();
  await server?.stop();
});

const asAdmin = async (sql: string) => {
  const { host, port, user, password } = server;
  const admin = await mysql.createConnection({ host, port, user, password });
  try {
    const [rows] = await admin.query(sql);
    return rows as Record<string, unknown>[];
  } finally {
    await admin.end();
  }
};

async function connectionFor(name: string, strategy: 'tables' | 'names'): Promise<DatabaseConnection> {
  await asAdmin(`DROP DATABASE IF EXISTS ${name}`);
  await asAdmin(`CREATE DATABASE ${name}`);
  await asAdmin(`CREATE OR REPLACE USER '${name}'@'%' IDENTIFIED BY 'secret'`);
  await asAdmin(`GRANT ALL ON \`${name}${strategy === 'tables' ? '%' : ''}\`.* TO '${name}'@'%'`);
  const { host, port } = server;
  return { dialect: 'mariadb', host, port, username: name, password: 'secret', database: name, tablePrefix: '', underscored: false }; // prettier-ignore
}

const BIG = [
  'CREATE TABLE big (id int PRIMARY KEY, pad varchar(2000))',
  "INSERT INTO big SELECT seq, REPEAT('x', 2000) FROM seq_1_to_9000",
  'CREATE FUNCTION one() RETURNS int RETURN 1',
];

/** Loads the dump; `half` is called, once, when half of it has passed. */
async function load(
  to: DatabaseConnection,
  dumped: Dumped,
  id: string,
  half: () => Promise<unknown>,
): Promise<unknown> {
  const driver = createMysqlDriver(to);
  const plan = await planned(to, dumped, id);
  const open = async (name: string) => {
    const bytes = dumped.parts.get(name);
    if (!name.startsWith('1-')) return pieces(bytes);
    const stream = pieces(bytes);
    let left = (bytes?.length ?? 0) / 2;
    return stream.map(async (chunk: Buffer) => {
      const before = left;
      left -= chunk.length;
      if (before > 0 && left <= 0) await half();
      return chunk;
    }, { concurrency: 1 }); // prettier-ignore
  };
  return await driver.stage(plan, dumped.backup, open, runOf()).then(
    () => null,
    (error: unknown) => error,
  );
}

describe.each(['tables', 'names'] as const)('with the strategy %s', (strategy) => {
  let to: DatabaseConnection;
  let dumped: Dumped;
  let number = 0;
  beforeAll(async () => {
    to = await connectionFor(`on_${strategy}`, strategy);
    await exec(to, ...BIG);
    dumped = await dumpAll(to);
  });
  const failing = async (half: () => Promise<unknown>, then: () => Promise<unknown> = async () => undefined) => {
    const id = `r${(number += 1)}`;
    const error = await load(to, dumped, id, half);
    await then();
    await createMysqlDriver(to).discard(await planned(to, dumped, id));
    return error;
  };
  /** The same backup loads once the server works again. */
  const loads = async () => {
    const { driver, plan } = await staged(to, dumped, `r${(number += 1)}`);
    expect(plan.strategy).toBe(strategy);
    await driver.discard(plan);
    expect(await rowsOf(to, 'SELECT COUNT(*) AS n FROM big')).toEqual([{ n: '9000' }]);
  };

  it('a full disk of the server', async () => {
    const error = await failing(
      async () => disk.fill(200_000),
      async () => disk.clear(),
    );
    expect(error).toMatchObject({ code: 'SERVER_FAILED', message: expect.stringMatching(/table big: ERROR \d+/) });
    await loads();
  });

  it('a server that goes down and comes back', async () => {
    const error = await failing(
      () => server.kill(),
      () => server.start(),
    );
    expect(error).toMatchObject({ code: 'DATABASE_UNREACHABLE' });
    await loads();
  });

  it('a session that is killed', async () => {
    const error = await failing(async () => {
      const sessions = await asAdmin(
        `SELECT ID AS id FROM information_schema.PROCESSLIST WHERE USER = '${to.username}'`,
      );
      for (const { id } of sessions) await asAdmin(`KILL ${Number(id)}`);
    });
    expect(error).toMatchObject({ code: 'DATABASE_UNREACHABLE' });
    await loads();
  });

  it('a row that is larger than the server accepts', async () => {
    await exec(to, 'CREATE TABLE wide (id int PRIMARY KEY, pad longtext)', "INSERT INTO wide VALUES (1, REPEAT('y', 3000000))"); // prettier-ignore
    const wide = await dumpAll(to);
    await asAdmin('SET GLOBAL max_allowed_packet = 1048576');
    const refused = await load(to, wide, 'wide', async () => undefined);
    await asAdmin('SET GLOBAL max_allowed_packet = 16777216');
    expect(['SERVER_FAILED', 'DATABASE_UNREACHABLE']).toContain((refused as { code: string }).code);
    await createMysqlDriver(to).discard(await planned(to, wide, 'wide'));
    await exec(to, 'DROP TABLE wide');
  });

  it('a missing privilege', async () => {
    const scope = strategy === 'tables' ? `\`${to.username}%\`.*` : `\`${to.username}\`.*`;
    const error = await failing(
      async () => asAdmin(`REVOKE CREATE ROUTINE, ALTER ROUTINE ON ${scope} FROM '${to.username}'@'%'`),
      async () => asAdmin(`GRANT ALL ON ${scope} TO '${to.username}'@'%'`),
    );
    expect(error).toMatchObject({ code: 'SERVER_FAILED', message: expect.stringContaining('function one') });
    await loads();
  });

  it('a client that the system kills', async () => {
    const error = await failing(async () => {
      for (const pid of clientsOf(to)) process.kill(pid, 'SIGKILL');
    });
    expect(error).toMatchObject({ code: 'TOOL_KILLED', message: expect.stringContaining('SIGKILL') });
    await loads();
  });
});

/** The clients that are loading into the server now. */
function clientsOf(to: DatabaseConnection): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => argumentsOf(pid).some((argument) => argument.startsWith(`--database=${to.database}`)))
    .map(Number);
}

function argumentsOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return []; // It has ended in the meantime.
  }
}
