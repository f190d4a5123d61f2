/** Two states of a small SQLite database that share hardly a row. */
export const sqliteStates = {
  a: [
    `CREATE TABLE authors (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, born DATE)`,
    `CREATE TABLE books (id INTEGER PRIMARY KEY AUTOINCREMENT, author INTEGER NOT NULL REFERENCES authors ON DELETE CASCADE,
       title TEXT, price REAL, cover BLOB, upper_title TEXT GENERATED ALWAYS AS (upper(title)) STORED)`,
    `CREATE TABLE tags (id INTEGER PRIMARY KEY, name TEXT COLLATE NOCASE)`,
    `CREATE TABLE books_tags (book INTEGER REFERENCES books, tag INTEGER REFERENCES tags, PRIMARY KEY (book, tag)) WITHOUT ROWID`,
    `CREATE TABLE tree (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES tree)`,
    `CREATE TABLE orders (id INTEGER PRIMARY KEY, at TEXT, note TEXT DEFAULT 'none')`,
    `CREATE TABLE lines (id INTEGER PRIMARY KEY, "order" INTEGER REFERENCES orders, amount NUMERIC)`,
    `CREATE TABLE log (id INTEGER PRIMARY KEY AUTOINCREMENT, what TEXT)`,
    `CREATE TABLE settings (key TEXT PRIMARY KEY, value)`,
    `CREATE TABLE "odd ""name 😀" ("col ""umn" TEXT, "select" INTEGER)`,
    `CREATE TABLE only_in_a (id INTEGER PRIMARY KEY, body TEXT)`,
    `CREATE INDEX books_title ON books (title) WHERE title IS NOT NULL`,
    `CREATE VIEW cheap AS SELECT * FROM books WHERE price < 50`,
    `CREATE TRIGGER noted AFTER INSERT ON books BEGIN INSERT INTO log (what) VALUES ('book ' || new.id); END`,
    rows(40, `INSERT INTO authors (name, born) SELECT 'author ' || i, date('1900-01-01', i || ' days') FROM n`),
    rows(
      150,
      `INSERT INTO books (author, title, price, cover) SELECT 1 + i % 40, 'book ' || i, i / 3.0, randomblob(200) FROM n`,
    ),
    rows(10, `INSERT INTO tags SELECT i, 'tag ' || i FROM n`),
    rows(100, `INSERT INTO books_tags SELECT 1 + i, 1 + i % 10 FROM n`),
    rows(30, `INSERT INTO tree SELECT i, CASE WHEN i = 0 THEN NULL ELSE i / 2 END FROM n`),
    rows(50, `INSERT INTO orders (id, at) SELECT i, datetime('2026-01-01', i || ' hours') FROM n`),
    rows(120, `INSERT INTO lines SELECT i, i % 50, i * 1.5 FROM n`),
    rows(
      20,
      `INSERT INTO settings SELECT 'key ' || i, CASE i % 4 WHEN 0 THEN NULL WHEN 1 THEN i WHEN 2 THEN i / 7.0 ELSE '' END FROM n`,
    ),
    `INSERT INTO "odd ""name 😀" VALUES ('漢 é ''"', 1), (NULL, 2), ('', 3)`,
    rows(60, `INSERT INTO only_in_a SELECT i, hex(randomblob(40)) FROM n`),
  ],
  b: [
    `DROP TRIGGER noted`,
    `DROP VIEW cheap`,
    `DROP TABLE only_in_a`,
    `DELETE FROM books_tags WHERE book % 3 = 0`,
    `UPDATE books SET title = 'changed ' || id, price = price + 1`,
    `UPDATE authors SET name = name || ' of B'`,
    `DELETE FROM lines WHERE id % 2 = 0`,
    `UPDATE orders SET note = 'seen in B'`,
    `INSERT INTO settings VALUES ('state', 'B')`,
    `ALTER TABLE tree ADD COLUMN only_in_b TEXT DEFAULT 'b'`,
    `UPDATE tags SET name = name || ' b'`,
    `DELETE FROM "odd ""name 😀" WHERE "select" = 2`,
    `INSERT INTO log (what) VALUES ('B')`,
    `CREATE TABLE only_in_b (id INTEGER PRIMARY KEY, author INTEGER REFERENCES authors)`,
    `INSERT INTO only_in_b SELECT id, id FROM authors`,
    `CREATE VIEW dear AS SELECT * FROM books WHERE price >= 50`,
    `CREATE TRIGGER undeletable BEFORE DELETE ON orders BEGIN SELECT RAISE(ABORT, 'no'); END`,
  ],
};

/** An INSERT … SELECT from the numbers below `count`. */
function rows(count: number, insert: string): string {
  return insert.replace(
    ' SELECT ',
    ` WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${count - 1}) SELECT `,
  );
}
