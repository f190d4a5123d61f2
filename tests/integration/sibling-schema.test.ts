/** A sub-app lives in a sibling schema of the main app's database: a restore of the main app never touches it. */
import { expect, it } from 'vitest';
import SafekeepPlugin from '../../src/server';
import { startApp, type TestApp } from '../support/app';
import { endOfRun, makeBackup, makeRestore } from '../support/safekeep';
import { freshDatabase } from '../support/servers';

it.each([
  ['the privilege to create databases', true],
  ['none beyond its own database', false],
])('rows of a sub-app written after the backup stay, for a role with %s', async (_privilege, mayCreateDatabases) => {
  const database = await freshDatabase('postgres', { mayCreateDatabases });
  let host: TestApp | undefined;
  try {
    const owner = `"${database.username}"`;
    await database.asAdmin(`CREATE SCHEMA main_app AUTHORIZATION ${owner}`);
    await database.asAdmin(`CREATE SCHEMA sub_app AUTHORIZATION ${owner}`);
    await database.asAdmin(`CREATE TABLE sub_app.orders (id int PRIMARY KEY, title text)`);
    await database.asAdmin(`ALTER TABLE sub_app.orders OWNER TO ${owner}`);
    await database.asAdmin(`INSERT INTO sub_app.orders SELECT g, 'before ' || g FROM generate_series(1, 500) g`);
    host = await startApp({ plugin: SafekeepPlugin, database, databaseOptions: { schema: 'main_app' } });
    const { root } = host;
    await root.get('collections:create', {
      body: { name: 'things', title: 'Things', fields: [{ name: 'title', type: 'string', interface: 'input' }] },
    });
    await root.get('things:create', { body: { title: 'first' } });
    const backup = await makeBackup(root, { contents: ['database'] });

    await root.get('things:create', { body: { title: 'second' } });
    await database.asAdmin(`INSERT INTO sub_app.orders SELECT g, 'after ' || g FROM generate_series(501, 900) g`);
    await database.asAdmin(`UPDATE sub_app.orders SET title = 'changed' WHERE id % 7 = 0`);
    const subApp = async () => {
      const rows = `SELECT md5(string_agg(o::text, ',' ORDER BY id)) AS rows, count(*)::int AS n FROM sub_app.orders o`;
      const table = `SELECT 'sub_app.orders'::regclass::oid AS oid, pg_relation_filenode('sub_app.orders') AS file`;
      return [...(await database.asAdmin(rows)), ...(await database.asAdmin(table))];
    };
    const titles = async () => {
      const rows: { title: string }[] = await root.get('things:list?sort=id');
      return rows.map(({ title }) => title);
    };
    const before = await subApp();
    expect(before[0]).toMatchObject({ n: 900 });

    const restored = await makeRestore(root, { name: backup.name });
    expect(await titles()).toEqual(['first']);
    // Not even moved: it is the very same table.
    expect(await subApp()).toEqual(before);
    const { runId } = await root.get(`safekeepRuns:undo?filterByTk=${restored.id}`, { method: 'POST' });
    expect((await endOfRun(root, runId)).status).toBe('succeeded');
    expect(await titles()).toEqual(['first', 'second']);
    expect(await subApp()).toEqual(before);
  } finally {
    await host?.stop();
    await database.drop();
  }
});
