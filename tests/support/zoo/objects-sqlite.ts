import type { RawConnection } from '../compare';
import { ALL_BYTES, HARD_TEXTS, MAX_BIGINT, MIN_BIGINT, ONE_MEGABYTE_TEXT } from './values';

/** Tables, views, triggers, indexes and settings of SQLite that the host knows nothing of. */
export async function createSqliteObjects(connection: RawConnection, people: string): Promise<void> {
  for (const sql of definitions(people)) await connection.query(sql);
  await insertHardValues(connection);
  for (const sql of afterRows) await connection.query(sql);
}

const definitions = (people: string): string[] => [
  `CREATE TABLE "zoo Objects" (
     id INTEGER PRIMARY KEY AUTOINCREMENT, -- a comment, it's kept
     "select" TEXT DEFAULT 'it''s \\ default', "quo""ted" REAL DEFAULT (1.0 / 3), "Ünïcode 🛟" TEXT,
     total NUMERIC CHECK (total IS NULL OR total <> 13), doubled GENERATED ALWAYS AS (total * 2) STORED,
     half GENERATED ALWAYS AS (total / 2) VIRTUAL, stamp TEXT DEFAULT CURRENT_TIMESTAMP, anything, bytes BLOB)`,
  `CREATE UNIQUE INDEX "zoo unique" ON "zoo Objects" ("Ünïcode 🛟")`,
  `CREATE INDEX zoo_partial ON "zoo Objects" (total DESC) WHERE total > 5 AND "select" <> 'it''s'`,
  `CREATE INDEX zoo_expression ON "zoo Objects" (lower("select") COLLATE NOCASE)`,
  `CREATE TABLE zoo_without_rowid (a TEXT, b INT, PRIMARY KEY (a, b)) WITHOUT ROWID`,
  `CREATE TABLE zoo_strict (id INTEGER PRIMARY KEY, n REAL NOT NULL, a ANY) STRICT`,
  `CREATE TABLE zoo_left (id INTEGER PRIMARY KEY, right_id INT REFERENCES zoo_right (id) DEFERRABLE INITIALLY DEFERRED)`,
  `CREATE TABLE zoo_right (id INTEGER PRIMARY KEY, left_id INT REFERENCES zoo_left (id) ON DELETE CASCADE)`,
  `CREATE TABLE zoo_audit (id INTEGER PRIMARY KEY AUTOINCREMENT, what TEXT)`,
  `CREATE VIRTUAL TABLE zoo_search USING fts5 (body)`,
  `CREATE VIEW zoo_people_view AS SELECT id, upper(name) AS shout FROM ${people}`,
  `CREATE VIEW "zoo view on view" AS SELECT count(*) AS n, 'it''s; "quoted"' AS label FROM zoo_people_view`,
  `CREATE TRIGGER zoo_after_insert AFTER INSERT ON "zoo Objects" WHEN NEW.total IS NOT NULL
   BEGIN INSERT INTO zoo_audit (what) VALUES ('inserted; "' || NEW.id || '" it''s'); UPDATE zoo_audit SET what = what; END`,
  `CREATE TRIGGER zoo_instead INSTEAD OF DELETE ON zoo_people_view BEGIN SELECT RAISE(ABORT, 'it''s a view'); END`,
];

async function insertHardValues(connection: RawConnection): Promise<void> {
  const insert = `INSERT INTO "zoo Objects" ("select", "Ünïcode 🛟", total, anything, bytes) VALUES (?, ?, ?, ?, ?)`;
  for (const [name, text] of Object.entries(HARD_TEXTS))
    await connection.query(insert, [text, name, 7, text, Buffer.from(text)]);
  await connection.query(insert, [null, 'bytes', 8, ALL_BYTES, ALL_BYTES]);
  await connection.query(insert, [ONE_MEGABYTE_TEXT, 'long', null, Buffer.alloc(0), Buffer.alloc(100_000)]);
  const literals = [MAX_BIGINT, MIN_BIGINT, '9e999', '-9e999', '-0.0', '5e-324', '0.1 + 0.2', 'NULL', `''`, `x''`];
  for (const literal of [...literals, `'123'`, `CAST(x'610062' AS TEXT)`, `json('null')`]) {
    await connection.query(`INSERT INTO "zoo Objects" (anything) VALUES (${literal})`);
    await connection.query(`INSERT INTO zoo_strict (n, a) VALUES (1, ${literal})`);
  }
}

const afterRows = [
  `INSERT INTO zoo_without_rowid VALUES ('C:\\temp\\', 1), ('it''s', 2)`,
  `INSERT INTO zoo_search VALUES ('backup and restore'), ('it''s searchable')`,
  'BEGIN',
  'INSERT INTO zoo_left VALUES (1, 2), (2, 1)',
  'INSERT INTO zoo_right VALUES (1, 1), (2, 2)',
  'COMMIT',
  // The counter stands beyond the highest id: a restored database must not hand those ids out again.
  `INSERT INTO zoo_audit (id, what) VALUES (5000, 'gone')`,
  'DELETE FROM zoo_audit WHERE id = 5000',
  'PRAGMA user_version = 77',
  'PRAGMA application_id = 20240229',
  'ANALYZE',
];
