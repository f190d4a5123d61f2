/** Shared by the tests of the MySQL and MariaDB driver: a database, a run, a dump in memory, a staged plan. */
import { readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterEach } from 'vitest';
import type { RunContext } from '../../src/engine/context';
import type { DatabaseConnection, DatabasePlan, DumpScope, FileRecord } from '../../src/engine/databases/driver';
import { createMysqlDriver } from '../../src/engine/databases/mysql';
import { TOOLS_PATH_VARIABLE } from '../../src/engine/databases/tools';
import type { ManifestDatabase } from '../../src/shared/manifest';
import type { Message } from '../../src/shared/runs';
import { fingerprint, type Fingerprint, withConnection } from './compare';
import { findProgram } from './child';
import { type FreshDatabase, freshDatabase } from './servers';
import { createMysqlObjects } from './zoo/objects-mysql';

export const ALL: DumpScope = { excludeRowsOf: [], schemas: [], fileTables: [] };

/** Cleanup of a test, last first. */
export const dropped: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const drop of dropped.splice(0).reverse()) await drop();
});

/** A database that is dropped after the test. */
export async function fresh(
  mayCreateDatabases = true,
  dialect: 'mariadb' | 'mysql' = 'mariadb',
): Promise<FreshDatabase> {
  const database = await freshDatabase(dialect, { mayCreateDatabases });
  dropped.push(() => database.drop());
  return database;
}

export const connectionTo = (database: FreshDatabase, more: Partial<DatabaseConnection> = {}): DatabaseConnection => ({
  dialect: database.dialect,
  host: database.host,
  port: database.port,
  username: database.username,
  password: database.password,
  database: database.database,
  tablePrefix: '',
  underscored: false,
  ...more,
});

export interface TestRun extends RunContext {
  messages: Message[];
  cancel(): void;
}

export function runOf(): TestRun {
  const controller = new AbortController();
  const messages: Message[] = [];
  return {
    messages,
    signal: controller.signal,
    log: (_level, message) => messages.push(message),
    progress: () => undefined,
    cancel: () => controller.abort(),
  };
}

export interface Dumped {
  backup: ManifestDatabase;
  parts: Map<string, Buffer>;
  records: FileRecord[];
}

export async function dumpAll(
  to: DatabaseConnection,
  scope = ALL,
  run = runOf(),
  inactive?: DatabasePlan,
): Promise<Dumped> {
  const driver = createMysqlDriver(to);
  const facts = await driver.describe(scope, inactive);
  const dump = await driver.dump(scope, run, inactive);
  try {
    const parts = new Map<string, Buffer>();
    for await (const part of dump.parts) parts.set(part.name, await buffer(part.stream));
    const records = await allOf(dump.fileRecords());
    return { backup: { ...facts, ...(await dump.result()) }, parts, records };
  } finally {
    await dump.close();
  }
}

export async function allOf<T>(items: AsyncIterable<T> | undefined): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items ?? []) found.push(item);
  return found;
}

export async function planned(
  to: DatabaseConnection,
  { backup }: Pick<Dumped, 'backup'>,
  id = 'r1',
): Promise<DatabasePlan> {
  const { plan, blockers } = await createMysqlDriver(to).plan(id, backup, ALL);
  if (!plan) throw new Error(`no plan: ${JSON.stringify(blockers)}`);
  return plan;
}

export async function staged(to: DatabaseConnection, dumped: Dumped, id = 'r1', run = runOf()) {
  const driver = createMysqlDriver(to);
  const plan = await planned(to, dumped, id);
  await driver.stage(plan, dumped.backup, async (name) => pieces(dumped.parts.get(name)), run);
  await driver.check(plan, dumped.backup, run);
  return { driver, plan };
}

/** In pieces that match no boundary. */
export function pieces(part: Buffer | undefined): Readable {
  const bytes = part ?? Buffer.alloc(0);
  const chunks = Array.from({ length: Math.ceil(bytes.length / 9973) }, (_, at) =>
    bytes.subarray(at * 9973, (at + 1) * 9973),
  );
  return Readable.from(chunks, { objectMode: false });
}

/** A dump with one part changed. */
export const altered = (dumped: Dumped, part: string, change: (text: string) => string): Dumped => ({
  ...dumped,
  parts: new Map(dumped.parts).set(part, Buffer.from(change(String(dumped.parts.get(part))))),
});

export async function exec(to: DatabaseConnection, ...statements: string[]): Promise<void> {
  await withConnection(to, async (connection) => {
    for (const sql of statements) await connection.query(sql);
  });
}
export const rowsOf = (to: DatabaseConnection, sql: string) =>
  withConnection(to, (connection) => connection.query(sql));

/** The database and the inactive ones next to it. */
export const databasesOf = async (database: FreshDatabase) =>
  (
    await database.asAdmin(
      `SELECT schema_name AS name FROM information_schema.schemata WHERE schema_name LIKE '${database.database}%' ORDER BY 1`,
    )
  ).map(({ name }) => name);

export async function fillWithEverything(to: DatabaseConnection) {
  await exec(to, 'CREATE TABLE people (id bigint AUTO_INCREMENT PRIMARY KEY, name varchar(50))');
  await exec(to, "INSERT INTO people (name) VALUES ('Ada'), ('Bo')");
  await withConnection(to, (connection) => createMysqlObjects(connection, 'people'));
}

/** The fingerprint of everything except Safekeep's own tables. */
export async function pictureOf(to: DatabaseConnection): Promise<Fingerprint> {
  const { tables, schema } = await fingerprint(to);
  const isOurs = (text: string) => /^(?:-- \w+ )?__safekeep_/.test(text);
  return {
    tables: Object.fromEntries(Object.entries(tables).filter(([name]) => !isOurs(name))),
    schema: schema
      .split('\n\n')
      .filter((text) => !isOurs(text))
      .join('\n\n'),
  };
}

/** The same without the names of foreign keys, which determine their order; on MySQL with 'FOREIGN KEY|CHECK' of checks too. */
export function anyKeyNames({ tables, schema }: Fingerprint, kinds = 'FOREIGN KEY'): Fingerprint {
  const named = new RegExp(`^( {2}CONSTRAINT) (?:\`(?:[^\`]|\`\`)*\` )?(${kinds})`);
  const isKey = (line: string) => named.test(line);
  const plain = (line: string) => line.replace(named, '$1 $2').replace(/,$/, '');
  const paragraphs = schema.split('\n\n').map((text) => {
    const lines = text.split('\n');
    const keys = lines.filter(isKey).map(plain).sort();
    return lines.map((line) => (isKey(line) ? keys.shift() : line)).join('\n');
  });
  return { tables, schema: paragraphs.join('\n\n') };
}

/** Safekeep's own objects in the database, of any kind. */
export const oursIn = async (database: FreshDatabase) => {
  const rows = await database.asAdmin(
    `SELECT TABLE_NAME AS n FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME LIKE '\\_\\_safekeep%'
      UNION SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE() AND TRIGGER_NAME LIKE '\\_\\_safekeep%'
      UNION SELECT ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE() AND ROUTINE_NAME LIKE '\\_\\_safekeep%'
      UNION SELECT EVENT_NAME FROM information_schema.EVENTS WHERE EVENT_SCHEMA = DATABASE() AND EVENT_NAME LIKE '\\_\\_safekeep%'`,
  );
  return rows.map(({ n }) => String(n));
};

const FIXTURES = path.join(__dirname, '../fixtures/dumps');

/** The statements of a schema in tests/fixtures/dumps. */
export const statementsOf = (file: string) =>
  readFileSync(path.join(FIXTURES, file), 'utf8')
    .split(/\n\n+/)
    .map((paragraph) => paragraph.replace(/^--.*\n?/gm, '').trim())
    .filter(Boolean);

/** Replaces the dump tool with a shell script; $REAL is the path of the real tool. */
export async function inFrontOfTheDumpTool(script: string): Promise<void> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'safekeep-tools-'));
  dropped.push(() => rm(folder, { recursive: true }));
  const real = findProgram(['mariadb-dump'], [], 'apt-get install mariadb-client');
  const file = path.join(folder, 'mariadb-dump');
  await writeFile(file, `#!/bin/sh\nREAL=${real}\n[ "$1" = --version ] && exec $REAL --version\n${script}\n`);
  await chmod(file, 0o755);
  await symlink(findProgram(['mariadb'], [], 'apt-get install mariadb-client'), path.join(folder, 'mariadb'));
  process.env[TOOLS_PATH_VARIABLE] = folder;
  dropped.push(async () => {
    delete process.env[TOOLS_PATH_VARIABLE];
  });
}
