import { execFileSync } from 'node:child_process';
import pg from 'pg';
import mysql from 'mysql2/promise';
import { expect, inject, test } from 'vitest';
import { freshDatabase } from '../support/servers';

test('a fresh PostgreSQL database belongs to its user, who can create another one', async () => {
  const fresh = await freshDatabase('postgres');
  const client = new pg.Client({ ...fresh, user: fresh.username });
  await client.connect();
  await client.query(`CREATE DATABASE ${fresh.database}_stage`);
  await client.query('CREATE TABLE t (id int)');
  await client.end();
  await fresh.drop();
  const { postgres } = inject('servers');
  const admin = new pg.Client({ ...postgres, user: postgres.superuser, database: 'postgres' });
  await admin.connect();
  const left = await admin.query(`SELECT datname FROM pg_database WHERE datname LIKE '${fresh.database}%'`);
  await admin.end();
  expect(left.rows).toEqual([]);
});

test('a fresh MariaDB database belongs to its user, who can create another one', async () => {
  const fresh = await freshDatabase('mariadb');
  const { host, port, username: user, password, database } = fresh;
  const connection = await mysql.createConnection({ host, port, user, password, database });
  await connection.query(`CREATE DATABASE ${database}__safekeep_stage`);
  await connection.query('CREATE TABLE t (id int)');
  await connection.end();
  await fresh.drop();
});

test('a user without the privilege cannot create databases', async () => {
  for (const dialect of ['postgres', 'mariadb'] as const) {
    const fresh = await freshDatabase(dialect, { mayCreateDatabases: false });
    const { host, port, username: user, password, database } = fresh;
    if (dialect === 'postgres') {
      const client = new pg.Client({ host, port, user, password, database });
      await client.connect();
      await expect(client.query(`CREATE DATABASE ${database}_stage`)).rejects.toThrow('permission denied');
      await client.end();
    } else {
      const connection = await mysql.createConnection({ host, port, user, password, database });
      await expect(connection.query(`CREATE DATABASE ${database}_stage`)).rejects.toThrow('denied');
      await connection.end();
    }
    await fresh.drop();
  }
});

test('the servers ask for the password', async () => {
  const { postgres, mariadb } = inject('servers');
  const client = new pg.Client({ ...postgres, user: postgres.superuser, password: 'wrong', database: 'postgres' });
  await expect(client.connect()).rejects.toThrow('password authentication failed');
  const options = { host: mariadb.host, port: mariadb.port, user: mariadb.user };
  await expect(mysql.createConnection({ ...options, password: 'wrong' })).rejects.toThrow('Access denied');
  expect(() =>
    execFileSync('mariadb', ['--no-defaults', '-u', 'root', '-S', mariadb.socket, '-e', 'SELECT 1']),
  ).toThrow();
});
