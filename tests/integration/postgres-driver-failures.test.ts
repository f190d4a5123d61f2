import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DatabaseConnection, DatabasePlan, DumpScope } from '../../src/engine/databases/driver';
import { createPostgresDriver } from '../../src/engine/databases/postgres';
import { findTools, TOOLS_PATH_VARIABLE } from '../../src/engine/databases/tools';
import { SafekeepError } from '../../src/engine/errors';
import { expectSame, type Fingerprint, fingerprint } from '../support/compare';
import {
  altered,
  connectionTo,
  databaseFor,
  everything,
  opener,
  requirePlan,
  session,
  sql,
  stage,
  take,
  type TakenDump,
  testRun,
  type Way,
  WAYS,
} from '../support/postgres-driver';
import type { FreshDatabase } from '../support/servers';

const PUBLIC: DumpScope = { schemas: ['public'], excludeRowsOf: [], fileTables: [] };
let db: FreshDatabase;
let app: DatabaseConnection;
let folder: string;
const temporaryFolderBefore = process.env.TMPDIR;

async function start(way: Way = WAYS[0]) {
  db = await databaseFor(way);
  app = connectionTo(db);
}

beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'safekeep-failures-'));
  // The driver's own temporary files, to detect leftovers.
  process.env.TMPDIR = path.join(folder, 'tmp');
  await mkdir(process.env.TMPDIR);
});
afterEach(async () => {
  delete process.env[TOOLS_PATH_VARIABLE];
  const left = await readdir(path.join(folder, 'tmp'));
  if (temporaryFolderBefore === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = temporaryFolderBefore;
  await rm(folder, { recursive: true });
  await db.drop();
  expect(left).toEqual([]);
});

/** Replaces tools with scripts; `$REAL` is the path of the real one, which handles --version unless `version` is given. */
async function fakeTools(scripts: Partial<Record<'pg_dump' | 'pg_restore', string>>, version?: string) {
  delete process.env[TOOLS_PATH_VARIABLE];
  const tools = path.join(folder, 'tools');
  await rm(tools, { recursive: true, force: true });
  await mkdir(tools);
  for (const name of ['pg_dump', 'pg_restore'] as const) {
    const [real] = await findTools([name]);
    const ask = version ? `echo '${name} (PostgreSQL) ${version}'; exit 0` : `exec ${real?.path} --version`;
    const script = scripts[name] ?? 'exec "$REAL" "$@"';
    const text = `#!/bin/bash\nREAL=${real?.path}\nif [ "$1" = --version ]; then ${ask}; fi\n${script}\n`;
    await writeFile(path.join(tools, name), text);
    await chmod(path.join(tools, name), 0o755);
  }
  process.env[TOOLS_PATH_VARIABLE] = tools;
}

describe('a dump', () => {
  beforeEach(async () => {
    await start();
    await sql(
      app,
      `CREATE TABLE t (id int, v text); INSERT INTO t SELECT i, repeat('x', 500) FROM generate_series(1, 2000) i`,
    );
  });

  it.each([
    ['fails after half of its output', '"$REAL" "$@" | head -c 500000; echo "disk on fire" >&2; exit 1', 'TOOL_FAILED'],
    ['writes nothing and reports success', 'exit 0', 'DUMP_INCOMPLETE'],
    ['writes half and reports success', '"$REAL" "$@" | head -c 500000; exit 0', 'DUMP_INCOMPLETE'],
    ['writes something else', 'echo hello world', 'DUMP_INCOMPLETE'],
    ['is killed', '"$REAL" "$@" | head -c 500000; kill -9 $$', 'TOOL_KILLED'],
  ])('is refused when pg_dump %s', async (_name, script, code) => {
    await fakeTools({ pg_dump: script });
    await expect(take(createPostgresDriver(app), PUBLIC)).rejects.toMatchObject({ code });
  });

  it('is refused before anything starts when a tool is missing or too old', async () => {
    const driver = createPostgresDriver(app);
    process.env[TOOLS_PATH_VARIABLE] = path.join(folder, 'nowhere');
    await expect(driver.dump(PUBLIC, testRun())).rejects.toMatchObject({ code: 'TOOL_MISSING' });
    expect((await driver.tools()).map(({ status }) => status)).toEqual(['missing', 'missing']);
    await fakeTools({}, '11.22');
    await expect(driver.dump(PUBLIC, testRun())).rejects.toMatchObject({ code: 'TOOL_TOO_OLD' });
    const [report] = await driver.tools();
    expect(report).toMatchObject({ name: 'pg_dump', status: 'too old', version: '11.22' });
    expect(report?.install).toContain('postgresql-client-15');
    delete process.env[TOOLS_PATH_VARIABLE];
    expect((await driver.tools()).map(({ name, status }) => [name, status])).toEqual([
      ['pg_dump', 'ok'],
      ['pg_restore', 'ok'],
    ]);
  });

  it('ends at once when it is cancelled, and leaves no session', async () => {
    await fakeTools({ pg_dump: '"$REAL" "$@" | head -c 100000; exec sleep 600' });
    const run = testRun();
    const dump = await createPostgresDriver(app).dump(PUBLIC, run);
    const reading = (async () => {
      for await (const part of dump.parts) {
        for await (const _chunk of part.stream) run.cancel();
      }
    })();
    await expect(reading).rejects.toMatchObject({ code: 'CANCELLED' });
    await dump.close();
    await dump.close();
    await expect(dump.result()).rejects.toBeInstanceOf(SafekeepError);
    const open = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = '${db.database}' AND pid <> pg_backend_pid()`;
    await expect.poll(() => db.asAdmin(open), { timeout: 20_000 }).toEqual([{ n: 0 }]);
  });

  it('of an unreachable server reports that', async () => {
    const nobody = createPostgresDriver({ ...app, port: 1 });
    await expect(nobody.dump(PUBLIC, testRun())).rejects.toMatchObject({ code: 'DATABASE_UNREACHABLE' });
    await expect(createPostgresDriver({ ...app, password: 'x' }).describe(PUBLIC)).rejects.toMatchObject({
      code: 'DATABASE_UNREACHABLE',
    });
    expect((await nobody.tools()).every(({ status }) => status === 'ok')).toBe(true);
  });

  it('is one snapshot, whatever is written in the meantime', async () => {
    await sql(
      app,
      `CREATE TABLE a (v bigint); CREATE TABLE b (v bigint); INSERT INTO a VALUES (1000); INSERT INTO b VALUES (0);
      CREATE TABLE moves (id serial PRIMARY KEY)`,
    );
    const writer = await session(app);
    let writing = true;
    const writes = (async () => {
      while (writing) {
        await writer.query(
          'BEGIN; UPDATE a SET v = v - 1; INSERT INTO moves DEFAULT VALUES; UPDATE b SET v = v + 1; COMMIT',
        );
      }
    })();
    const driver = createPostgresDriver(app);
    const dump = await take(driver, PUBLIC);
    writing = false;
    await writes;
    await writer.end();
    const moves = dump.backup.tables.find(({ name }) => name === 'public.moves')?.rows;
    const plan = await stage(driver, 'w1', dump, PUBLIC);
    await driver.switchOver(plan, testRun());
    const sums =
      'SELECT (SELECT v FROM a) + (SELECT v FROM b) AS sum, (SELECT v FROM b) AS moved, (SELECT count(*) FROM moves) AS moves';
    expect(await sql(app, sums)).toEqual([{ sum: '1000', moved: String(moves), moves: String(moves) }]);
    await driver.discard(plan);
  });
});

describe.each(WAYS)('a restore by $strategy', (way) => {
  let dump: TakenDump;
  let live: Fingerprint;
  let plan: DatabasePlan;
  let driver: ReturnType<typeof createPostgresDriver>;

  beforeEach(async () => {
    await start(way);
    const reader = `"${db.database}"`;
    await sql(app, everything(reader));
    driver = createPostgresDriver(app);
    dump = await take(driver, PUBLIC);
    await sql(app, `UPDATE books SET title = 'changed'`);
    live = await fingerprint(app);
    plan = requirePlan(await driver.plan('f1', dump.backup, PUBLIC));
    expect(plan.strategy).toBe(way.strategy);
  });

  async function expectNothingHappened() {
    expect(await driver.position(plan)).toBe('before switchover');
    await driver.discard(plan);
    expectSame(live, await fingerprint(app));
    expect(await db.asAdmin(`SELECT datname FROM pg_database WHERE datname LIKE '${db.database}\\_%'`)).toEqual([]);
    expect(await db.asAdmin(`SELECT nspname FROM pg_namespace WHERE nspname LIKE '%safekeep%'`)).toEqual([]);
    expect(await db.asAdmin(`SELECT FROM pg_stat_activity WHERE application_name = 'safekeep f1'`)).toEqual([]);
    await driver.close();
  }

  const onMainPass = (script: string) => `case "$*" in *main.list*) ${script};; *) exec "$REAL" "$@";; esac`;

  it.each([
    [
      'fails halfway',
      onMainPass('"$REAL" "$@" | head -c 60000; echo "pg_restore: error: broken" >&2; exit 1'),
      'broken',
    ],
    ['ends halfway and reports success', onMainPass('"$REAL" "$@" | head -c 60000; exit 0'), 'output is incomplete'],
    [
      'cannot read the dump',
      'cat > /dev/null; echo "pg_restore: error: did not find magic string" >&2; exit 1',
      'magic',
    ],
  ])('changes nothing when pg_restore %s, and reports the reason', async (_name, script, expected) => {
    await fakeTools({ pg_restore: script });
    await expect(driver.stage(plan, dump.backup, opener(dump), testRun())).rejects.toMatchObject({
      code: 'TOOL_FAILED',
      message: expect.stringContaining(expected) as string,
    });
    await expectNothingHappened();
  });

  it.each([
    [
      'a statement that fails',
      '"price" < (100)',
      '"prixx" < (100)',
      'VIEW public.cheap: ERROR:  column books.prixx does not',
    ],
    [
      'a row that violates a rule',
      '2\tc\tx\n',
      'w\tc\tx\n',
      'TABLE DATA public.child: ERROR:  invalid input syntax for type integer: "…"',
    ],
  ])('changes nothing when the dump contains %s, and reports the reason', async (_name, text, by, expected) => {
    const run = testRun();
    await expect(driver.stage(plan, dump.backup, opener(altered(dump, text, by)), run)).rejects.toMatchObject({
      code: 'TOOL_FAILED',
      message: expect.stringContaining(expected) as string,
    });
    expect(run.lines.filter(({ level }) => level !== 'info')).toEqual([]);
    await expectNothingHappened();
  });

  it.each([
    ['in the middle', 0.5],
    ['at its very end', 1],
  ])('changes nothing when the dump turns out to be damaged %s', async (_name, share) => {
    const damaged = async () =>
      Readable.from(
        (async function* () {
          yield dump.bytes.subarray(0, 5000);
          yield dump.bytes.subarray(5000, dump.bytes.length * share);
          await Promise.resolve();
          throw new SafekeepError('ARCHIVE_DAMAGED', { detail: 'one bit' });
        })(),
      );
    await expect(driver.stage(plan, dump.backup, damaged, testRun())).rejects.toMatchObject({
      code: 'ARCHIVE_DAMAGED',
    });
    await expectNothingHappened();
  });

  it('can be cancelled at any time', async () => {
    await fakeTools({ pg_restore: onMainPass('"$REAL" "$@"; exec sleep 600') });
    const run = testRun();
    const staging = driver.stage(plan, dump.backup, opener(dump), run);
    await expect.poll(() => run.progressSeen.length, { timeout: 20_000 }).toBeGreaterThan(0);
    run.cancel();
    await expect(staging).rejects.toMatchObject({ code: 'CANCELLED' });
    await expectNothingHappened();
  });

  it('finds missing and additional rows', async () => {
    await driver.stage(plan, dump.backup, opener(dump), testRun());
    const [first, ...others] = dump.backup.tables;
    const tables = [...others, { name: first?.name ?? '', rows: 12345 }, { name: 'public.never', rows: 1 }];
    await expect(driver.check(plan, { ...dump.backup, tables }, testRun())).rejects.toMatchObject({
      code: 'STAGED_DATA_DIFFERS',
      message: expect.stringContaining(
        `table public.never is missing; table public.We"ird.Näme 😀*? has 1 rows instead of 12345`,
      ) as string,
    });
    await driver.check(plan, dump.backup, testRun());
    await expectNothingHappened();
  });

  it('works with a pg_restore that sets a parameter unknown to this server, and reports rows while it loads', async () => {
    const insert = `sed '0,/^SET lock_timeout = 0;/s//SET transaction_timeout = 0;\\n&/'`;
    await fakeTools({ pg_restore: `"$REAL" "$@" | ${insert}; exit \${PIPESTATUS[0]}` }, '17.2');
    const run = testRun();
    const open = opener(dump);
    await driver.stage(plan, dump.backup, open, run);
    expect(open.ends).toBeGreaterThan(0);
    const rows = dump.backup.tables.reduce((sum, table) => sum + (table.rows ?? 0), 0);
    expect(run.progressSeen.at(-1)).toEqual({ done: rows, total: rows, unit: 'rows' });
    await driver.check(plan, dump.backup, run);
    await expectNothingHappened();
  });

  it('requires tools that are at least as new as those that made the dump', async () => {
    const backup = { ...dump.backup, tool: { name: 'pg_dump', version: '99.1' } };
    const planning = await driver.plan('f1', backup, PUBLIC);
    expect(planning).toMatchObject({ plan: null, blockers: [{ reason: { params: { serverVersion: '99' } } }] });
  });
});
