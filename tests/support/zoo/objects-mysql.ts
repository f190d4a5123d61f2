import type { RawConnection } from '../compare';
import { ALL_BYTES, HARD_TEXTS, MAX_BIGINT, MAX_DECIMAL, MIN_BIGINT, MIN_DECIMAL, ONE_MEGABYTE_TEXT } from './values';

/** Tables, views, triggers, routines, events and sequences of MariaDB (without the last, MySQL) the host knows nothing of. */
export async function createMysqlObjects(connection: RawConnection, people: string): Promise<void> {
  const [server] = await connection.query('SELECT VERSION() AS version');
  const isMariadb = /mariadb/i.test(server?.['version'] ?? '');
  for (const sql of tables) await connection.query(sql);
  if (isMariadb) for (const sql of mariadbOnly) await connection.query(sql);
  await insertHardValues(connection);
  for (const sql of views(people)) await connection.query(sql);
  for (const [mode, sql] of storedObjects(people)) {
    await connection.query(`SET sql_mode = '${mode}'`);
    await connection.query(sql);
  }
  await connection.query(`SET sql_mode = ''`);
}

const tables = [
  `CREATE TABLE \`zoo Objects\` (
     id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
     \`select\` text COMMENT 'reserved; -- it''s \\\\ kept', \`quo\`\`ted\` varchar(40) DEFAULT 'it''s \\\\ default',
     \`Ünïcode ß\` varchar(60) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
     latin varchar(60) CHARACTER SET latin1 DEFAULT 'ä', mood enum('sad', 'it''s ok', 'ä,b') DEFAULT 'sad', many set('a', 'b c'),
     total decimal(38, 10) CHECK (total IS NULL OR total <> 13), doubled decimal(40, 10) AS (total * 2) STORED,
     half decimal(40, 10) AS (total / 2) VIRTUAL, at timestamp(6) NULL DEFAULT NULL,
     stamp timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
     local datetime(6), day date, clock time(3), year_of year, bits bit(64), exact double, short float, big bigint,
     bytes longblob, fixed binary(8), var varbinary(300), doc json, spot point, \`end\` tinyint(1) DEFAULT 1,
     UNIQUE KEY \`zoo unique\` (\`Ünïcode ß\`), KEY zoo_prefix (\`select\`(20), total DESC), FULLTEXT KEY zoo_words (\`select\`),
     CONSTRAINT \`zoo check\` CHECK (big <> 13)
   ) AUTO_INCREMENT = 1000 COMMENT = 'it''s a \\\\ comment "ä"' DEFAULT CHARSET = utf8mb4`,
  `CREATE TABLE ZOO_LEFT_upper (id int PRIMARY KEY)`,
  `CREATE TABLE zoo_left (id int PRIMARY KEY, right_id int)`,
  `CREATE TABLE zoo_right (id int PRIMARY KEY, left_id int, CONSTRAINT zoo_back FOREIGN KEY (left_id) REFERENCES zoo_left (id)
     ON DELETE CASCADE ON UPDATE SET NULL)`,
  `ALTER TABLE zoo_left ADD CONSTRAINT zoo_cycle FOREIGN KEY (right_id) REFERENCES zoo_right (id)`,
  `CREATE TABLE zoo_audit (id int AUTO_INCREMENT PRIMARY KEY, what text) AUTO_INCREMENT = 5000`,
  `CREATE TABLE zoo_zero (id int AUTO_INCREMENT PRIMARY KEY)`,
  `CREATE TABLE zoo_parts (id int, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (TO_DAYS(day))
     (PARTITION old VALUES LESS THAN (TO_DAYS('2024-01-01')), PARTITION rest VALUES LESS THAN MAXVALUE)`,
  `CREATE TABLE zoo_floats (id int PRIMARY KEY, a float, b float NOT NULL)`,
  `CREATE TABLE zoo_latin (name varchar(20)) DEFAULT CHARSET = latin1 ROW_FORMAT = COMPRESSED`,
];

const mariadbOnly = [
  `CREATE SEQUENCE zoo_counter START WITH 7 INCREMENT BY 5 MINVALUE -100 CACHE 3 CYCLE`,
  `SELECT NEXTVAL(zoo_counter)`,
  `CREATE TABLE zoo_mariadb (id uuid DEFAULT uuid(), address inet6, hidden int INVISIBLE DEFAULT 3)`,
  `INSERT INTO zoo_mariadb (id, address, hidden) VALUES ('6ccd780c-baba-1026-9564-5b8c656024db', '::ffff:1.2.3.4', 9)`,
];

async function insertHardValues(connection: RawConnection): Promise<void> {
  const insert = 'INSERT INTO `zoo Objects` (`select`, `Ünïcode ß`, total, bytes, var, doc) VALUES (?, ?, 7, ?, ?, ?)';
  for (const [name, text] of Object.entries(HARD_TEXTS)) {
    await connection.query(insert, [
      text,
      name,
      Buffer.from(text),
      Buffer.from(text),
      JSON.stringify({ [name]: text }),
    ]);
  }
  await connection.query(insert, [ONE_MEGABYTE_TEXT, 'long', ALL_BYTES, ALL_BYTES, 'null']);
  const rows = [
    `(local, day, at) VALUES ('0000-00-00', '0000-00-00', '0000-00-00'), ('2024-00-00', '2024-02-00', NULL)`,
    `(local, day, at) VALUES ('9999-12-31 23:59:59.999999', '9999-12-31', '2038-01-19 03:14:07.999999')`,
    `(local, day, at) VALUES ('1000-01-01', '0001-01-01', '1970-01-01 00:00:01')`,
    `(clock, year_of) VALUES ('-838:59:59', 1901), ('838:59:59', 2155), ('00:00:00.001', 0)`,
    `(exact, short) VALUES (0.1e0 + 0.2e0, 0.1), (2.2250738585072014e-308, 1e-30), (1.7976931348623157e308, -0e0)`,
    `(big, total) VALUES (${MAX_BIGINT}, ${MAX_DECIMAL}), (${MIN_BIGINT}, ${MIN_DECIMAL}), (0, 0.0000000001)`,
    `(bits, fixed, bytes) VALUES (b'1', x'00', x''), (18446744073709551615, x'5c27000a00', NULL)`,
    `(\`select\`, doc, mood, many) VALUES ('', 'null', '', ''), (NULL, NULL, NULL, NULL), ('\\0\\Z', '{"a": 1, "a":  2}', 'ä,b', 'a,b c')`,
    `(latin, spot) VALUES ('äöü€', ST_GeomFromText('POINT(1e-20 -5.5)')), ('', NULL)`,
  ];
  for (const row of rows) await connection.query(`INSERT INTO \`zoo Objects\` ${row}`);
  const more = [
    `SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO'`,
    `INSERT INTO zoo_zero VALUES (0), (5), (-3)`,
    `SET sql_mode = ''`,
    `SET foreign_key_checks = 0`,
    `INSERT INTO zoo_left VALUES (1, 2), (2, 1)`,
    `INSERT INTO zoo_right VALUES (1, 1), (2, 2)`,
    `SET foreign_key_checks = 1`,
    `INSERT INTO zoo_parts VALUES (1, '2023-06-01'), (2, '2024-06-01')`,
    `INSERT INTO zoo_latin VALUES ('äöü€')`,
    // The server prints six digits of a float, and holds more.
    `INSERT INTO zoo_floats VALUES (1, 123456.789, 0.1234567), (2, 16777215, 1.17549435e-38)`,
    `INSERT INTO ZOO_LEFT_upper VALUES (1)`,
  ];
  for (const sql of more) await connection.query(sql);
}

const views = (people: string): string[] => [
  `CREATE VIEW zoo_people_view AS SELECT id, UPPER(name) AS shout FROM ${people}`,
  // Sorts before the view it reads from.
  `CREATE SQL SECURITY INVOKER VIEW \`a view on view\` AS
     SELECT COUNT(*) AS n, 'it''s; \\\\ "quoted"' AS label, 'ä🛟' AS bytes FROM zoo_people_view`,
  `CREATE ALGORITHM = MERGE VIEW zoo_checked AS SELECT id, what FROM zoo_audit WHERE id > 3 WITH LOCAL CHECK OPTION`,
];

/** Each with the sql_mode under which it is made, which belongs to it. */
const storedObjects = (people: string): [mode: string, sql: string][] => [
  [
    '',
    `CREATE TRIGGER \`zoo Trigger\` AFTER INSERT ON \`zoo Objects\` FOR EACH ROW BEGIN
       -- it's; a "comment" $$ // ;;
       IF NEW.total IS NOT NULL THEN INSERT INTO zoo_audit (what) VALUES (CONCAT('in; \\\\ it''s "', NEW.id, '"')); END IF;
     END`,
  ],
  [
    'ANSI_QUOTES,NO_BACKSLASH_ESCAPES',
    `CREATE TRIGGER zoo_ansi BEFORE UPDATE ON "zoo Objects" FOR EACH ROW SET NEW."end" = '\\' = '\\'`,
  ],
  ['', `CREATE TRIGGER zoo_second AFTER INSERT ON \`zoo Objects\` FOR EACH ROW FOLLOWS \`zoo Trigger\` SET @zoo = 1`],
  // On a table of the host.
  ['STRICT_TRANS_TABLES', `CREATE TRIGGER zoo_people_touch BEFORE INSERT ON ${people} FOR EACH ROW SET @zoo = NEW.id`],
  ['', `CREATE FUNCTION zoo_add(a int, b int) RETURNS int DETERMINISTIC COMMENT 'it''s \\\\' RETURN a + b`],
  [
    'ANSI_QUOTES',
    `CREATE PROCEDURE "zoo Clear" (INOUT n int) SQL SECURITY INVOKER BEGIN DECLARE x text DEFAULT 'ä🛟;'; SET n = zoo_add(n, 1); END`,
  ],
  ['', `CREATE VIEW zoo_with_function AS SELECT zoo_add(1, 2) AS three`],
  [
    '',
    `CREATE EVENT zoo_event ON SCHEDULE EVERY 100 DAY STARTS '2037-01-01 00:00:00' ON COMPLETION PRESERVE DISABLE COMMENT 'it''s'
     DO BEGIN INSERT INTO zoo_audit (what) VALUES ('event;'); DELETE FROM zoo_audit WHERE id < 0; END`,
  ],
  ['', `CREATE EVENT zoo_event_later ON SCHEDULE AT '2037-01-01 00:00:00' DO SET @zoo = 1`],
];
