import mysql from 'mysql2/promise';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { DatabaseConnection } from '../../src/engine/databases/driver';
import { expectSame } from '../support/compare';
import { type MariadbServer, startMariadb } from '../support/mariadb';
import { connectionTo, dumpAll, exec, fresh, pictureOf, rowsOf, runOf, staged } from '../support/mysql-driver';

let server: MariadbServer;
beforeAll(async () => {
  server = await startMariadb({ 'lower-case-table-names': 1 });
});
afterAll(async () => await server?.stop());

const TABLES = [
  'CREATE TABLE Users (id int PRIMARY KEY, Boss int, CONSTRAINT BossOf FOREIGN KEY (Boss) REFERENCES Users (id))',
  'CREATE TABLE userRoles (user int, FOREIGN KEY (user) REFERENCES Users (id))',
  'INSERT INTO Users VALUES (1, NULL), (2, 1)',
  'INSERT INTO userRoles VALUES (2)',
  'CREATE TRIGGER Watch BEFORE INSERT ON userRoles FOR EACH ROW SET @x = 1',
  'CREATE VIEW Seen AS SELECT id FROM Users',
];

it.each(['tables', 'names'] as const)(
  'a server that stores names in lower case restores a backup of one that does not, with the strategy %s',
  async (strategy) => {
    const from = connectionTo(await fresh());
    await exec(from, ...TABLES);
    const dumped = await dumpAll(from);
    expect(dumped.backup.tables.map(({ name }) => name)).toEqual(['Users', 'userRoles']);

    const name = `lower_${strategy}`;
    const { host, port, user, password } = server;
    const admin = await mysql.createConnection({ host, port, user, password });
    await admin.query(`CREATE DATABASE ${name}`);
    await admin.query(`CREATE USER '${name}'@'%' IDENTIFIED BY 'secret'`);
    await admin.query(`GRANT ALL ON \`${name}${strategy === 'tables' ? '%' : ''}\`.* TO '${name}'@'%'`);
    await admin.end();
    const to: DatabaseConnection = { ...from, host, port, username: name, password: 'secret', database: name };
    await exec(to, ...TABLES);
    const before = await pictureOf(to);
    await exec(to, 'INSERT INTO users VALUES (3, 1)', 'DROP VIEW seen', 'DROP TABLE userroles');
    const changed = await pictureOf(to);
    const { driver, plan } = await staged(to, dumped);
    expect(plan.strategy).toBe(strategy);
    await driver.switchOver(plan, runOf());
    const after = await pictureOf(to);
    expectSame({ ...before, schema: '' }, { ...after, schema: '' });
    expect(await rowsOf(to, 'SELECT id FROM Seen')).toEqual([{ id: '1' }, { id: '2' }]);
    await driver.switchBack(plan, runOf());
    expectSame(changed, await pictureOf(to));
    await driver.switchOver(plan, runOf());
    expectSame(after, await pictureOf(to));
    expect((await dumpAll(to)).backup.tables.map(({ name: table }) => table)).toEqual(['userroles', 'users']);
    await driver.discard(plan);
    expectSame(after, await pictureOf(to));
    expect(await rowsOf(to, 'SHOW TABLES')).toHaveLength(3);
  },
);
