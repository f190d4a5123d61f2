import { createHash } from 'node:crypto';
import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { beforeEach, describe, expect, it } from 'vitest';
import type { DatabaseConnection } from '../../src/engine/databases/driver';
import { createMysqlDriver } from '../../src/engine/databases/mysql';
import { readStoredObjects } from '../../src/engine/databases/mysql/stored-objects-file';
import { TOOLS_PATH_VARIABLE } from '../../src/engine/databases/tools';
import { connect, expectSame, fingerprint } from '../support/compare';
import {
  ALL,
  altered,
  connectionTo,
  databasesOf,
  dropped,
  dumpAll,
  type Dumped,
  exec,
  fillWithEverything,
  fresh,
  planned,
  rowsOf,
  runOf,
  staged,
} from '../support/mysql-driver';
import type { FreshDatabase } from '../support/servers';

describe.each(['mariadb', 'mysql'] as const)('a round trip with the dialect %s', (dialect) => {
  it('restores every value and object, undoes and redoes it', async () => {
    const database = await fresh(true, dialect);
    const to = connectionTo(database);
    await fillWithEverything(to);
    const before = await fingerprint(to);
    const dumped = await dumpAll(to);
    expect(dumped.backup).toMatchObject({
      dialect,
      flavour: 'mariadb',
      parts: ['1-tables.sql', '2-stored-objects.sql'],
    });
    expect(dumped.backup.tables.map(({ name, rows }) => [name, rows])).toEqual(
      Object.entries(before.tables)
        .map(([name, { rows }]) => [name, rows])
        .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)),
    );
    expect([...dumped.parts.values()].some((part) => part.includes('DEFINER='))).toBe(false);

    await exec(
      to,
      'DROP TRIGGER `zoo Trigger`',
      'DROP VIEW zoo_checked',
      'CREATE VIEW zoo_checked AS SELECT 1 AS other',
      'DROP PROCEDURE `zoo Clear`',
      'DELETE FROM zoo_parts',
      'CREATE TABLE newer (id int PRIMARY KEY)',
      'CREATE TRIGGER newer_trigger BEFORE INSERT ON newer FOR EACH ROW SET NEW.id = 1',
      'CREATE FUNCTION newer_function() RETURNS int RETURN 7',
      "ALTER TABLE people ADD COLUMN more varchar(10) DEFAULT 'x'",
    );
    const changed = await fingerprint(to);
    const { driver, plan } = await staged(to, dumped);
    expect(await driver.position(plan)).toBe('before switchover');
    expectSame(changed, await fingerprint(to));

    const run = runOf();
    await driver.switchOver(plan, run);
    expect(await driver.position(plan)).toBe('after switchover');
    expectSame(before, await fingerprint(to));
    await driver.switchBack(plan, run);
    expect(await driver.position(plan)).toBe('before switchover');
    expectSame(changed, await fingerprint(to));
    await driver.switchOver(plan, run);
    await driver.switchOver(plan, run);
    expectSame(before, await fingerprint(to));
    await driver.discard(plan);
    await driver.discard(plan);
    expectSame(before, await fingerprint(to));
    expect(await databasesOf(database)).toEqual([database.database]);
    expect(await driver.position(plan)).toBe('unclear');
  });
});

it('restores everything into an empty database with another name', async () => {
  const from = await fresh();
  await fillWithEverything(connectionTo(from));
  // A default that names a sequence keeps the database's name: the only thing that cannot move (the log contains a warning).
  await exec(connectionTo(from), 'DROP TABLE zoo_mariadb');
  const dumped = await dumpAll(connectionTo(from));
  const to = connectionTo(await fresh());
  const { driver, plan } = await staged(to, dumped);
  await driver.switchOver(plan, runOf());
  expectSame(await fingerprint(connectionTo(from)), await fingerprint(to));
});

describe('the contents of the dump', () => {
  it('are one snapshot while others write', async () => {
    const to = connectionTo(await fresh());
    const accounts = 3000;
    await exec(
      to,
      'CREATE TABLE a (id int PRIMARY KEY, amount int, pad varchar(2000))',
      'CREATE TABLE z (id int PRIMARY KEY, amount int)',
      `INSERT INTO a SELECT seq, 100, REPEAT('x', 2000) FROM seq_1_to_${accounts}`,
      `INSERT INTO z SELECT seq, 100 FROM seq_1_to_${accounts}`,
    );
    const writer = await connect(to);
    let writing = true;
    const transfers = (async () => {
      for (let round = 0; writing; round += 1) {
        const id = 1 + (round % accounts);
        await writer.query('START TRANSACTION');
        await writer.query(`UPDATE z SET amount = amount + 7 WHERE id = ${accounts + 1 - id}`);
        await writer.query(`UPDATE a SET amount = amount - 7 WHERE id = ${id}`);
        await writer.query('COMMIT');
      }
    })();
    const dumps: Dumped[] = [];
    for (let round = 0; round < 3; round += 1) dumps.push(await dumpAll(to));
    writing = false;
    await transfers;
    await writer.close();
    const sums = new Set<string>();
    for (const [index, dumped] of dumps.entries()) {
      const { driver, plan } = await staged(to, dumped, `r${index}`);
      const inactive = { ...to, database: plan.names.staged };
      const [sum] = await rowsOf(inactive, 'SELECT (SELECT SUM(amount) FROM a) + (SELECT SUM(amount) FROM z) AS total');
      expect(sum?.total).toBe(String(accounts * 200));
      sums.add(String((await rowsOf(inactive, 'SELECT SUM(amount) AS s FROM a'))[0]?.s));
      await driver.discard(plan);
    }
    expect(sums.size).toBeGreaterThan(1);
  });

  it('have only the structure of run-time tables, and keep the next id', async () => {
    const to = connectionTo(await fresh());
    await exec(
      to,
      'CREATE TABLE keep (id int)',
      'INSERT INTO keep VALUES (1), (2)',
      "CREATE TABLE runs (id int AUTO_INCREMENT PRIMARY KEY, secret varchar(20) DEFAULT 'x')",
      "INSERT INTO runs VALUES (41, 'hush-hush')",
    );
    const dumped = await dumpAll(to, { excludeRowsOf: ['runs', 'missing'], schemas: [], fileTables: [] });
    expect(dumped.backup.tables).toEqual([
      { name: 'keep', rows: 2 },
      { name: 'runs', rows: 0, dataExcluded: true },
    ]);
    expect(dumped.parts.get('1-tables.sql')?.includes('hush')).toBe(false);
    const { driver, plan } = await staged(to, dumped);
    await driver.switchOver(plan, runOf());
    await exec(to, 'INSERT INTO runs () VALUES ()');
    expect(await rowsOf(to, 'SELECT id FROM runs')).toEqual([{ id: '42' }]);
  });

  it('have exact FLOAT values, though the tool writes six digits', async () => {
    const to = connectionTo(await fresh());
    const stamp = "stamp timestamp NOT NULL DEFAULT '2020-01-01 00:00:00' ON UPDATE CURRENT_TIMESTAMP";
    await exec(
      to,
      `CREATE TABLE numbered (id bigint PRIMARY KEY, f float, g float DEFAULT 16777216, half float AS (f / 2) STORED, ${stamp})`,
      'INSERT INTO numbered (id, f) SELECT seq, seq / 7 FROM seq_1_to_2500',
      'INSERT INTO numbered (id, f) VALUES (-1, NULL), (-2, 1.17549435e-38), (-3, 3.40282347e38), (-4, -0.1234567)',
      `CREATE TABLE named (k varchar(20) CHARACTER SET latin1 COLLATE latin1_bin, n binary(3), d date, f float, ${stamp},
         PRIMARY KEY (k, n, d))`,
      "INSERT INTO named (k, n, d, f) VALUES ('ä', x'00275c', '2020-02-03', 1/3), ('Ä''\\\\', x'ff0000', '2020-02-03', 2/3)",
      'CREATE TABLE keyless (f float)',
      'INSERT INTO keyless VALUES (1/3)',
    );
    const before = await fingerprint(to);
    const run = runOf();
    const dumped = await dumpAll(to, ALL, run);
    expect(run.messages.map(({ params }) => params?.tables)).toEqual(['keyless']);
    const { driver, plan } = await staged(to, dumped);
    await driver.switchOver(plan, runOf());
    const after = await fingerprint(to);
    expect({ ...after.tables, keyless: null }).toEqual({ ...before.tables, keyless: null });
  });

  it('are explained in the log where they are incomplete', async () => {
    const to = connectionTo(await fresh());
    await exec(
      to,
      'CREATE TABLE old (id int) ENGINE = MyISAM',
      'CREATE TABLE history (id int) WITH SYSTEM VERSIONING',
      'CREATE TABLE gone (id int)',
      'CREATE VIEW broken AS SELECT id FROM gone',
      'CREATE VIEW on_broken AS SELECT id FROM broken',
      'DROP TABLE gone',
      'INSERT INTO history VALUES (1)',
      'UPDATE history SET id = 2',
    );
    const run = runOf();
    const dumped = await dumpAll(to, ALL, run);
    expect(run.messages.map(({ params }) => Object.values(params ?? {})[0])).toEqual([
      'broken',
      'on_broken',
      'old',
      'history',
    ]);
    const { driver, plan } = await staged(to, dumped);
    await driver.switchOver(plan, runOf());
    expect(await rowsOf(to, 'SELECT id FROM history')).toEqual([{ id: '2' }]);
    await driver.switchBack(plan, runOf());
  });

  it('are the app’s own tables when they have a prefix', async () => {
    const database = await fresh();
    const to = connectionTo(database, { tablePrefix: 'p_' });
    await exec(
      to,
      'CREATE TABLE p_users (id int PRIMARY KEY)',
      'INSERT INTO p_users VALUES (1)',
      'CREATE TABLE others (id int PRIMARY KEY)',
      'CREATE VIEW p_view AS SELECT id FROM p_users',
      'CREATE VIEW other_view AS SELECT id FROM others',
      'CREATE SEQUENCE others_counter',
      'CREATE TRIGGER others_trigger BEFORE INSERT ON others FOR EACH ROW SET @x = 1',
    );
    const dumped = await dumpAll(to);
    expect(dumped.backup.tables).toEqual([{ name: 'p_users', rows: 1 }]);
    expect(readStoredObjects(String(dumped.parts.get('2-stored-objects.sql'))).map(({ name }) => name)).toEqual([
      'p_view',
    ]);
    const before = await fingerprint(to);
    await exec(to, 'DELETE FROM p_users', 'INSERT INTO others VALUES (7)');
    const { driver, plan } = await staged(to, dumped);
    await driver.switchOver(plan, runOf());
    expect((await fingerprint(to)).schema).toBe(before.schema);
    expect(await rowsOf(to, 'SELECT id FROM others UNION ALL SELECT id FROM p_users')).toEqual([
      { id: '7' },
      { id: '1' },
    ]);
    await driver.discard(plan);

    await exec(to, 'CREATE TABLE others_child (id int REFERENCES p_users (id))');
    const planning = await driver.plan('r2', dumped.backup, ALL);
    expect(planning.plan).toBeNull();
    expect(planning.blockers[0]?.reason.params?.keys).toContain('others_child');
  });
});

describe('the switchover', () => {
  const small = async () => {
    const database = await fresh();
    const to = connectionTo(database);
    await exec(
      to,
      'CREATE TABLE parent (id int PRIMARY KEY, child_id int)',
      'CREATE TABLE child (id int PRIMARY KEY, parent_id int, CONSTRAINT up FOREIGN KEY (parent_id) REFERENCES parent (id))',
      'ALTER TABLE parent ADD CONSTRAINT down FOREIGN KEY (child_id) REFERENCES child (id)',
      'INSERT INTO parent VALUES (1, NULL)',
      'INSERT INTO child VALUES (1, 1)',
      'CREATE TABLE log (what int)',
      'CREATE TRIGGER track AFTER INSERT ON child FOR EACH ROW INSERT INTO log VALUES (NEW.id)',
      'CREATE VIEW seen AS SELECT what FROM log',
    );
    const dumped = await dumpAll(to);
    await exec(to, 'INSERT INTO child VALUES (2, 1)', 'DROP VIEW seen');
    return { database, to, dumped, changed: await fingerprint(to) };
  };

  it('succeeds despite a live session that locks the tables, and keeps foreign keys and triggers working', async () => {
    const { to, dumped } = await small();
    const { driver, plan } = await staged(to, dumped);
    const holder = await connect(to);
    await holder.query('START TRANSACTION');
    await holder.query('INSERT INTO parent VALUES (9, NULL)');
    const run = runOf();
    await driver.switchOver(plan, run);
    // Terminated, not waited for.
    expect(run.messages.map(({ params }) => params?.user)).toEqual([to.username]);
    await expect(holder.query('SELECT 1')).rejects.toThrow();
    await exec(to, 'INSERT INTO child VALUES (3, 1)');
    expect(await rowsOf(to, 'SELECT what FROM seen')).toEqual([{ what: '3' }]);
    await expect(exec(to, 'INSERT INTO child VALUES (4, 99)')).rejects.toThrow(/foreign key/i);
    await expect(exec(to, 'INSERT INTO parent VALUES (4, 99)')).rejects.toThrow(/foreign key/i);
    await driver.switchBack(plan, runOf());
    await expect(exec(to, 'INSERT INTO child VALUES (4, 99)')).rejects.toThrow(/foreign key/i);
    expect(await rowsOf(to, 'SELECT id FROM parent')).toEqual([{ id: '1' }]);
  });

  it('is refused without a trace when a stored object cannot be created in the live database', async () => {
    const { database, to, dumped, changed } = await small();
    const { driver, plan } = await staged(to, dumped);
    await database.asAdmin(`REVOKE ALL PRIVILEGES ON \`${database.username}%\`.* FROM '${database.username}'@'%'`);
    await database.asAdmin(
      `GRANT ALL PRIVILEGES ON \`${database.database}\\_\\_safekeep\\_%\`.* TO '${database.username}'@'%'`,
    );
    const privileges = 'SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, REFERENCES, TRIGGER, SHOW VIEW';
    await database.asAdmin(`GRANT ${privileges} ON \`${database.database}\`.* TO '${database.username}'@'%'`);
    await expect(driver.switchOver(plan, runOf())).rejects.toMatchObject({ code: 'SWITCHOVER_FAILED' });
    expect(await driver.position(plan)).toBe('before switchover');
    expectSame(changed, await fingerprint(to));
    await driver.discard(plan);
    expect(await databasesOf(database)).toEqual([database.database]);
  });

  it('drops nothing that only resembles a slot', async () => {
    const { database, to, dumped } = await small();
    const plan = await planned(to, dumped);
    await database.asAdmin(`CREATE DATABASE \`${plan.names.staged}\``);
    await database.asAdmin('CREATE TABLE precious (id int)', plan.names.staged);
    const driver = createMysqlDriver(to);
    await driver.discard(plan);
    expect(await databasesOf(database)).toEqual([database.database, plan.names.staged]);
    await expect(driver.discard({ ...plan, names: { staged: database.database, previous: 'mysql' } })).rejects.toThrow(
      /plan/,
    );
  });
});

describe('privileges', () => {
  it('reports the missing grant, which is then sufficient', async () => {
    const database = await fresh(false);
    const to = connectionTo(database);
    const grantee = `'${database.username}'@'%'`;
    await exec(to, 'CREATE TABLE t (id int)', 'INSERT INTO t VALUES (1)');
    const dumped = await dumpAll(to);
    const own = `ON \`${database.database}\`.*`;
    for (const privileges of [
      'SELECT, INSERT, UPDATE, DELETE',
      'SELECT, INSERT, CREATE',
      'SELECT, CREATE, ALTER, DROP',
    ]) {
      await database.asAdmin(`REVOKE ALL PRIVILEGES ${own} FROM ${grantee}`);
      await database.asAdmin(`GRANT ${privileges} ${own} TO ${grantee}`);
      const planning = await createMysqlDriver(to).plan('r1', dumped.backup, ALL);
      expect(planning.plan, privileges).toBeNull();
      expect(planning.blockers[0]?.remedy.params?.grant).toBe(
        `GRANT ALL PRIVILEGES ON \`${database.database}\`.* TO ${grantee}; ` +
          `GRANT ALL PRIVILEGES ON \`${database.database}\\_\\_safekeep\\_%\`.* TO ${grantee};`,
      );
      expect(await database.asAdmin('SHOW TABLES')).toHaveLength(1);
    }
    const { blockers } = await createMysqlDriver(to).plan('r1', dumped.backup, ALL);
    for (const grant of String(blockers[0]?.remedy.params?.grant).split('; ')) await database.asAdmin(grant);
    const { driver, plan } = await staged(to, dumped);
    expect(plan.strategy).toBe('tables');
    await exec(to, 'DELETE FROM t');
    await driver.switchOver(plan, runOf());
    expect(await rowsOf(to, 'SELECT id FROM t')).toEqual([{ id: '1' }]);
    await driver.discard(plan);
  });

  it.each([
    [`it's "q" \\b\\ #c ;d`],
    [' lead and trail '],
    ['пароль 😀 ñ'],
    ['a\ttab'],
    ["'single'"],
    ['"double"'],
    ['# hash'],
    ['\\'],
  ])('connects with the password %j', async (password) => {
    const database = await fresh();
    const quoted = password.replaceAll('\\', '\\\\').replaceAll("'", "''");
    await database.asAdmin(`ALTER USER '${database.username}'@'%' IDENTIFIED BY '${quoted}'`);
    const to = connectionTo(database, { password });
    await exec(to, 'CREATE TABLE t (id int)', 'INSERT INTO t VALUES (1)');
    const { driver, plan } = await staged(to, await dumpAll(to));
    await driver.discard(plan);
  });

  it('reports a wrong password and a missing server', async () => {
    const database = await fresh();
    for (const wrong of [{ password: 'no' }, { port: 1 }, { database: 'nosuch' }]) {
      const driver = createMysqlDriver(connectionTo(database, wrong));
      await expect(driver.describe(ALL)).rejects.toMatchObject({ code: 'DATABASE_UNREACHABLE' });
    }
  });
});

describe('failures', () => {
  let to: DatabaseConnection;
  let database: FreshDatabase;
  beforeEach(async () => {
    database = await fresh();
    to = connectionTo(database);
    await exec(
      to,
      'CREATE TABLE first (id int PRIMARY KEY)',
      'INSERT INTO first VALUES (1)',
      'CREATE TABLE second (id int PRIMARY KEY)',
      'INSERT INTO second VALUES (1), (2)',
      'CREATE TRIGGER watch BEFORE INSERT ON second FOR EACH ROW SET @x = 1',
    );
  });

  it('names the table or stored object that the server rejects, and leaves live data alone', async () => {
    const dumped = await dumpAll(to);
    const before = await fingerprint(to);
    const cases: [string, Dumped, object][] = [
      [
        'table',
        altered(dumped, '1-tables.sql', (sql) => sql.replace('`id` int', '`id` nonsense')),
        { code: 'TOOL_FAILED', message: expect.stringMatching(/table first: ERROR .* at line \d+.*nonsense/) },
      ],
      [
        'row',
        altered(dumped, '1-tables.sql', (sql) => sql.replace('\n(2)', '\n(1)')),
        { code: 'TOOL_FAILED', message: expect.stringMatching(/table second: ERROR .* at line \d+/) },
      ],
      [
        'trigger',
        altered(dumped, '2-stored-objects.sql', (sql) => sql.replace('SET @x = 1', 'SET NEW.nosuch = 1')),
        { code: 'TOOL_FAILED', message: expect.stringMatching(/trigger watch: .*nosuch/) },
      ],
      [
        'cut',
        altered(dumped, '1-tables.sql', (sql) => sql.slice(0, sql.indexOf('-- Table structure for table `second`'))),
        { code: 'ARCHIVE_DAMAGED' },
      ],
      ['cutp', altered(dumped, '2-stored-objects.sql', (sql) => sql.slice(0, -20)), { code: 'ARCHIVE_DAMAGED' }],
      [
        'rows',
        altered(dumped, '1-tables.sql', (sql) => sql.replace(',\n(2)', '')),
        { code: 'STAGED_DATA_DIFFERS', message: expect.stringContaining('table second has 1 rows instead of 2') },
      ],
      [
        'extra',
        altered(dumped, '1-tables.sql', (sql) =>
          sql.replace('-- Dump completed', 'CREATE TABLE `x` (a int);\n-- Dump completed'),
        ),
        { code: 'STAGED_DATA_DIFFERS' },
      ],
    ];
    for (const [id, damaged, error] of cases) {
      await expect(staged(to, damaged, id), id).rejects.toMatchObject(error);
      await createMysqlDriver(to).discard(await planned(to, dumped, id));
      expectSame(before, await fingerprint(to));
    }
    expect(await databasesOf(database)).toEqual([database.database]);
  });

  it('prevents a dump from running programs or reading files', async () => {
    const dumped = await dumpAll(to);
    const folder = await mkdtemp(path.join(os.tmpdir(), 'safekeep-evil-'));
    dropped.push(() => rm(folder, { recursive: true }));
    await writeFile(path.join(folder, 'secret'), '5\n', { mode: 0o644 });
    for (const [id, line] of [
      ['shell', `\\! touch ${folder}/was-here\n`],
      ['system', `system touch ${folder}/was-here\n`],
      ['source', `source ${folder}/secret\n`],
      ['infile', `LOAD DATA LOCAL INFILE '${folder}/secret' INTO TABLE second;\n`],
    ] as const) {
      const evil = altered(dumped, '1-tables.sql', (sql) =>
        sql.replace('-- Dump completed', `${line}-- Dump completed`),
      );
      await expect(staged(to, evil, id), id).rejects.toThrow();
      await createMysqlDriver(to).discard(await planned(to, dumped, id));
    }
    expect(await readdir(folder)).toEqual(['secret']);
  });

  it('leaves nothing behind when it is cancelled', async () => {
    await exec(
      to,
      'CREATE TABLE big (id int, pad varchar(500))',
      "INSERT INTO big SELECT seq, REPEAT('x', 500) FROM seq_1_to_60000",
    );
    const before = await leftovers();
    const run = runOf();
    const dump = await createMysqlDriver(to).dump(ALL, run);
    const parts = dump.parts[Symbol.asyncIterator]();
    const { value: first } = (await parts.next()) as { value: { stream: Readable } };
    first.stream.once('data', () => run.cancel());
    await expect(buffer(first.stream)).rejects.toMatchObject({ code: 'CANCELLED' });
    await dump.close();
    await dump.close();

    const dumped = await dumpAll(to);
    const staging = runOf();
    const stop = new Error('the archive is damaged');
    const half = async () => Readable.from([dumped.parts.get('1-tables.sql')?.subarray(0, 100_000)]);
    const driver = createMysqlDriver(to);
    const plan = await planned(to, dumped);
    staging.progress = () => staging.cancel();
    await expect(driver.stage(plan, dumped.backup, half, staging)).rejects.toMatchObject({ code: 'CANCELLED' });
    await driver.discard(plan);
    const failing = async () =>
      Readable.from(
        (function* () {
          yield dumped.parts.get('1-tables.sql')?.subarray(0, 100_000);
          throw stop;
        })(),
      );
    await expect(driver.stage(plan, dumped.backup, failing, runOf())).rejects.toThrow('the archive is damaged');
    await driver.discard(plan);
    expect(await databasesOf(database)).toEqual([database.database]);
    expect(await leftovers()).toEqual(before);
  });
});

const leftovers = async () =>
  (await readdir(os.tmpdir())).filter((name) => /^safekeep-[A-Za-z0-9]{6}$/.test(name)).sort();

describe('the client tool', () => {
  const tool = async (script: string, version = '10.11.6-MariaDB') => {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'safekeep-tools-'));
    dropped.push(() => rm(folder, { recursive: true }));
    const file = path.join(folder, 'mariadb-dump');
    const head = `#!/bin/sh\nif [ "$1" = --version ]; then echo "mariadb-dump from ${version}"; exit 0; fi\n`;
    await writeFile(file, head + script);
    await chmod(file, 0o755);
    process.env[TOOLS_PATH_VARIABLE] = folder;
    dropped.push(async () => {
      delete process.env[TOOLS_PATH_VARIABLE];
    });
  };
  const dumping = async () => {
    const to = connectionTo(await fresh());
    await exec(to, 'CREATE TABLE t (id int)');
    return dumpAll(to);
  };

  it.each([
    ['prints half and fails', 'echo "CREATE TABLE \\`t\\` (id int);"; echo "oh no" >&2; exit 1', 'TOOL_FAILED'],
    ['writes nothing and succeeds', 'exit 0', 'DUMP_INCOMPLETE'],
    ['omits the end', 'echo "CREATE TABLE \\`t\\` (id int);"; exit 0', 'DUMP_INCOMPLETE'],
    ['omits a table', 'echo "-- Dump completed"; exit 0', 'DUMP_INCOMPLETE'],
    ['is killed', 'echo "CREATE TABLE \\`t\\` (id int);"; echo "-- Dump completed"; kill -9 $$', 'TOOL_KILLED'],
    ['closes its output and then fails', 'echo "-- Dump completed"; exec >&-; sleep 0.3; exit 7', 'TOOL_FAILED'],
  ])('fails the dump when it %s', async (_how, script, code) => {
    await tool(script);
    await expect(dumping()).rejects.toMatchObject({ code });
  });

  it('is refused before anything starts when it is too old or belongs to the other flavour', async () => {
    await tool('exit 0', '10.2.44-MariaDB');
    await expect(dumping()).rejects.toMatchObject({ code: 'TOOL_TOO_OLD' });
    await tool('exit 0', 'MySQL 8.0.40');
    await expect(dumping()).rejects.toMatchObject({ code: 'TOOL_MISSING', hint: expect.stringContaining('mariadb') });
    const reports = await createMysqlDriver(connectionTo(await fresh())).tools();
    expect(reports.map(({ name, status }) => [name, status])).toEqual([
      ['mariadb-dump', 'missing'],
      ['mariadb', 'missing'],
    ]);
  });

  it('never receives a password in its arguments', async () => {
    await tool('echo "$@" >&2; env >&2; exit 3');
    const database = await fresh();
    const run = runOf();
    await expect(dumpAll(connectionTo(database), ALL, run)).rejects.toMatchObject({ code: 'TOOL_FAILED' });
    expect(run.messages.length).toBeGreaterThan(0);
    expect(JSON.stringify(run.messages)).not.toContain(database.password);
  });
});

it('produces the same bytes for the same data', async () => {
  const to = connectionTo(await fresh());
  await fillWithEverything(to);
  const hash = ({ parts }: Dumped) =>
    [...parts.values()].map((part) => createHash('sha256').update(part).digest('hex'));
  expect(hash(await dumpAll(to))).toEqual(hash(await dumpAll(to)));
});
