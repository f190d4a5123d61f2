/** docs/recovery.md, followed to the letter; for the PostgreSQL strategy `objects` see postgres-driver-truth.test.ts. */
import { execFileSync } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { DatabaseConnection } from '../../src/engine/databases/driver';
import { findProgram, removeFolder, temporaryFolder } from '../support/child';
import { createPostgresDriver } from '../../src/engine/databases/postgres';
import { expectSame, fingerprint } from '../support/compare';
import * as postgres from '../support/postgres-driver';
import {
  anyKeyNames,
  connectionTo,
  dropped,
  dumpAll,
  exec,
  fillWithEverything,
  fresh,
  oursIn,
  pictureOf,
  runOf,
  staged,
} from '../support/mysql-driver';

const page = readFileSync('docs/recovery.md', 'utf8');

/** The commands of a section, in order. */
function blocksOf(title: string): string[] {
  const section = page.split(/^#{2,3} /m).find((text) => text.startsWith(title)) ?? '';
  return [...section.matchAll(/^```(?:sh|sql)\n([^]*?)^```/gm)].map(([, block = '']) => block);
}

let folder: string;
beforeEach(() => {
  folder = temporaryFolder('manual');
});
afterEach(() => removeFolder(folder));

/** Runs commands of the page in a shell whose `mariadb` signs in. */
function shell(to: DatabaseConnection, script: string): void {
  const real = findProgram(['mariadb'], [], 'apt-get install mariadb-client');
  const options = ['[client]', `host=${to.host}`, `port=${to.port}`, `user=${to.username}`, `password=${to.password}`];
  writeFileSync(path.join(folder, 'client.cnf'), [...options, 'skip-ssl', ''].join('\n'), { mode: 0o600 });
  const client = path.join(folder, 'mariadb');
  writeFileSync(client, `#!/bin/sh\nexec ${real} --defaults-file=${folder}/client.cnf "$@"\n`);
  chmodSync(client, 0o755);
  const env = { ...process.env, PATH: `${folder}${path.delimiter}${process.env.PATH}` };
  const own = script.replaceAll('nocobase', to.database ?? '');
  execFileSync('bash', ['-ec', own], { cwd: folder, env, stdio: 'pipe' });
}

/** A database with a restore in it, and a picture of the data that the restore replaced. */
async function restored(to: DatabaseConnection) {
  await fillWithEverything(to);
  const dumped = await dumpAll(to);
  await exec(
    to,
    'DROP TRIGGER `zoo Trigger`',
    'DROP VIEW zoo_checked',
    'CREATE TABLE newer (id int PRIMARY KEY)',
    'CREATE VIEW zoo_checked AS SELECT id FROM newer',
    'CREATE TRIGGER newer_trigger BEFORE INSERT ON newer FOR EACH ROW SET NEW.id = NEW.id + 1',
    'CREATE FUNCTION newer_function() RETURNS int RETURN 7',
    "INSERT INTO people (name) VALUES ('Cy')",
  );
  const replaced = await pictureOf(to);
  const { driver, plan } = await staged(to, dumped, 'qwertyui');
  await driver.switchOver(plan, runOf());
  return { replaced, plan };
}

it('brings back previous data of the strategy tables', async () => {
  const to = connectionTo(await fresh());
  const { replaced, plan } = await restored(to);
  expect(plan.strategy).toBe('tables');
  const [undo = '', moves = '', objects = '', look = ''] = blocksOf('MySQL and MariaDB, a separate database');
  writeFileSync(path.join(folder, 'undo.sql'), undo.replaceAll('nocobase', to.database ?? ''));
  shell(to, moves);
  shell(to, objects);
  shell(to, look);
  expectSame(replaced, await pictureOf(to));
});

it('brings back previous data of the strategy names', async () => {
  const database = await fresh(false);
  const to = connectionTo(database);
  const { replaced, plan } = await restored(to);
  expect(plan.strategy).toBe('names');
  const [undo = ''] = blocksOf('MySQL and MariaDB, in the same database');
  writeFileSync(path.join(folder, 'undo.sql'), undo);
  shell(to, 'mariadb --skip-column-names --raw nocobase < undo.sql > moves.sql; mariadb nocobase < moves.sql');
  const objects = blocksOf('MySQL and MariaDB, a separate database')[2] ?? '';
  shell(
    to,
    objects
      .replaceAll('nocobase__safekeep_qwertyui', 'nocobase')
      .replaceAll('__safekeep_stored', '__safekeep_qwertyui_stored'),
  );
  const left = (await oursIn(database)).map((name) => `DROP TABLE \`${name}\``);
  await exec(to, 'SET foreign_key_checks = 0', ...left);
  expectSame(anyKeyNames(replaced), anyKeyNames(await pictureOf(to)));
});

it.each([
  { way: postgres.WAYS[0], section: 'PostgreSQL, a separate database' },
  { way: postgres.WAYS[1], section: 'PostgreSQL, in the same database' },
])('brings back previous data of the strategy $way.strategy', async ({ way, section }) => {
  const scope = { schemas: ['public'], excludeRowsOf: [], fileTables: [] };
  const database = await postgres.databaseFor(way);
  dropped.push(() => database.drop());
  const to = postgres.connectionTo(database);
  await postgres.sql(to, postgres.everything(`"${database.database}"`));
  const driver = createPostgresDriver(to);
  dropped.push(() => driver.close());
  const dump = await postgres.take(driver, scope);
  await postgres.sql(to, 'DELETE FROM child; CREATE TABLE later (id int); DROP VIEW cheap');
  const replaced = await fingerprint(to);
  const plan = await postgres.stage(driver, 'qwertyui', dump, scope);
  expect(plan.strategy).toBe(way.strategy);
  await driver.switchOver(plan, postgres.testRun());
  await driver.close();
  const env = {
    ...process.env,
    ...{ PGHOST: to.host, PGPORT: String(to.port), PGUSER: to.username, PGPASSWORD: to.password },
  };
  for (const block of blocksOf(section)) {
    const own = block.replaceAll('nocobase', database.database);
    execFileSync('bash', ['-ec', own], { cwd: folder, env, stdio: 'pipe' });
  }
  await postgres.sql(to, 'DROP SCHEMA IF EXISTS public_restored CASCADE');
  expectSame(replaced, await fingerprint(to));
});
