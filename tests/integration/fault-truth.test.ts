/** An archive that is complete and sealed, but one object of its dump cannot be created: the restore fails. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { altered } from '../support/altered-archive';
import { type FaultScene, SERVER_WAYS, startFaultScene } from '../support/fault-scene';
import { logOf, makeBackup } from '../support/safekeep';

/** Nothing but this text becomes nothing but that one, wherever it stands in the dump. */
type Fault = [object: string, text: string | RegExp, by: string, message: RegExp];

/** In addition to the scene: in the backup, and unchanged in the live database. */
const MORE: Record<'postgres' | 'mariadb', string[]> = {
  postgres: [
    'ALTER TABLE things ADD CONSTRAINT things_short CHECK (length(title) < 91)',
    `CREATE FUNCTION twice(bigint) RETURNS bigint LANGUAGE plpgsql AS $$BEGIN RETURN $1 * 2; END$$`,
    'CREATE VIEW doubled AS SELECT twice(id) AS twice FROM things',
    'CREATE INDEX things_doubled ON things (title, id)',
    'CREATE TRIGGER things_same BEFORE UPDATE ON things FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()',
  ],
  mariadb: [
    'CREATE VIEW doubled AS SELECT id * 2 AS twice FROM things',
    'CREATE FUNCTION twice(n BIGINT) RETURNS BIGINT DETERMINISTIC RETURN n * 2',
  ],
};

// The dump of PostgreSQL is binary: texts in its list are replaced by texts of the same length.
const FAULTS: Record<'postgres' | 'mariadb', Fault[]> = {
  postgres: [
    ['a view', /"twice"(?=\("things"\."id"\))/, '"twica"', /VIEW public\.doubled: .*twica/],
    ['a function', 'LANGUAGE "plpgsql"', 'LANGUAGE "plpgsqx"', /FUNCTION public\.twice\(bigint\): .*plpgsqx/],
    ['an index', '("title", "id")', '("titlx", "id")', /INDEX public\.things_doubled: .*titlx/],
    ['a trigger', 'suppress_redundant_updates', 'suppress_redundant_updatex', /TRIGGER public\.things things_same: /],
    ['a row', '< 91)', '<  5)', /TABLE DATA public\.things: .*things_short/],
  ],
  mariadb: [
    ['a view', /`id` \* 2 AS `twice`/, '`ix` * 2 AS `twice`', /view doubled: .*ix/],
    ['a function', 'RETURN n * 2', 'RETURN m * 2; NONSENSE', /function twice: /],
    ['a trigger', 'SET @seen = 1', 'SET NEW.seen = 1', /trigger seen: .*seen/],
    // Which of the two depends on whether the server was filling an empty table in one go.
    ['a row', /(INSERT INTO `things`[^]*?\()2,/, '$11,', /table things: .*ERROR (1062|1180)/],
    ['a table', 'CREATE TABLE `things` (', 'CREATE TABLE `things` (\n  `id` int,', /table things: .*Duplicate column/],
  ],
};

describe.each(SERVER_WAYS.filter(({ strategy }) => /^(database|tables)$/.test(strategy)))('on $name', (way) => {
  const family = way.dialect === 'postgres' ? 'postgres' : 'mariadb';
  let scene: FaultScene;
  let file: string;
  let whole: Buffer;

  beforeAll(async () => {
    scene = await startFaultScene(way);
    const { app } = scene.host;
    for (const sql of MORE[family]) await app.db.sequelize.query(sql);
    const { name } = await makeBackup(scene.root);
    // In the place of the scene's own backup: that is the one it restores.
    file = path.join(scene.backups, `${scene.backup.name}.safekeep.zip`);
    const made = path.join(scene.backups, `${name}.safekeep.zip`);
    whole = readFileSync(made);
    await scene.root.get(`safekeepBackups:destroy?filterByTk=${name}`, { method: 'POST' });
    rmSync(made, { force: true });
    await scene.rememberOld();
  });
  /** As an operator would: the archive of the row is another from now on. */
  const put = async (archive: Buffer) => {
    writeFileSync(file, archive);
    rmSync(path.join(scene.backups, `${scene.backup.name}.safekeep.zip.json`));
    await scene.root.get('safekeepBackups:rescan', { method: 'POST' });
  };
  afterEach(() => put(whole));
  afterAll(async () => await scene?.stop());

  it.each(FAULTS[family])(
    '%s that cannot be created fails the restore and is named',
    async (_what, text, by, message) => {
      let changes = 0;
      const dump = (bytes: Buffer) => {
        const old = bytes.toString('latin1');
        const changed = old.replace(text, by);
        if (changed !== old) changes += 1;
        return Buffer.from(changed, 'latin1');
      };
      await put(await altered(whole, { dump }));
      expect(changes).toBe(1);
      const run = await scene.restore();
      expect(run.step).toBe('stageDatabase');
      await scene.expectWhole({ run, state: 'old', code: run.error?.code ?? '', message });
      expect(run.error?.code).toMatch(/^(TOOL_FAILED|DATABASE_FAILED)$/);
      expect(await logOf(scene.root, run.id)).toContain(run.error?.message);
    },
  );

  it('and the archive as it was made is restored', async () => {
    const run = await scene.restore();
    expect(run.status, JSON.stringify(run.error)).toMatch(/^succeeded/);
    expect(await scene.root.get('things:list?sort=id')).toHaveLength(3);
    await scene.expectState('old');
  });
});
