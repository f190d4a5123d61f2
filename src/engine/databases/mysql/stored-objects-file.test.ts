import { describe, expect, it } from 'vitest';
import {
  type StoredObject,
  readStoredObjects,
  sessionFor,
  triggerParts,
  underName,
  withoutDefiner,
  writeStoredObjects,
} from './stored-objects-file';

const object = (more: Partial<StoredObject>): StoredObject => ({
  kind: 'procedure',
  name: 'p',
  sqlMode: '',
  charset: 'utf8mb4',
  collation: 'utf8mb4_general_ci',
  sql: 'CREATE PROCEDURE `p`() SELECT 1',
  ...more,
});

describe('the stored objects part', () => {
  it('reads back any code', () => {
    const storedObjects = [
      object({
        sql: "CREATE PROCEDURE `p`()\nBEGIN\n-- safekeep {}\nDELIMITER ;\n//safekeep//\n\n-- Dump completed\n;; $$ 'ä🛟\r\n' END",
      }),
      object({ kind: 'trigger', name: 'we`ird\n', table: 't', sql: 'CREATE TRIGGER x' }),
      object({ kind: 'event', name: 'e', timeZone: 'SYSTEM', sql: '' }),
      object({ kind: 'view', name: 'v', broken: true, sql: '\n\n' }),
    ];
    expect(readStoredObjects(writeStoredObjects(storedObjects))).toEqual(storedObjects);
    expect(readStoredObjects(writeStoredObjects([]))).toEqual([]);
  });

  it('is refused when it is cut or is something else', () => {
    const text = writeStoredObjects([object({})]);
    const damaged = [text.slice(0, -1), text.replace('//safekeep//\nSET', 'SET'), text.replace('"kind"', '"king"'), ''];
    for (const each of damaged) expect(() => readStoredObjects(each)).toThrow(/damaged/);
  });

  it('keeps the character set of code whose characters allow it', () => {
    expect(sessionFor(object({ charset: 'latin1' }))).toContain('character_set_client = latin1');
    expect(sessionFor(object({ charset: 'latin1', sql: 'ä' }))).toContain('character_set_client = utf8mb4');
    expect(sessionFor(object({ charset: 'utf8mb3', sql: 'ä' }))).toContain('character_set_client = utf8mb3');
  });
});

describe('code without its definer', () => {
  it.each([
    [
      'CREATE DEFINER=`a``b`@`%` PROCEDURE `p`() SELECT "DEFINER=`x`@`y` "',
      'CREATE PROCEDURE `p`() SELECT "DEFINER=`x`@`y` "',
    ],
    [
      'CREATE ALGORITHM=MERGE DEFINER=`r`@`h` SQL SECURITY DEFINER VIEW `v` AS select 1',
      'CREATE ALGORITHM=MERGE SQL SECURITY DEFINER VIEW `v` AS select 1',
    ],
    ['CREATE DEFINER="r"@"h" EVENT e', 'CREATE EVENT e'],
    [
      'CREATE ALGORITHM=UNDEFINED DEFINER=`root`@`localhost` SQL SECURITY DEFINER JSON RELATIONAL DUALITY VIEW `v` AS select 1',
      'CREATE ALGORITHM=UNDEFINED SQL SECURITY DEFINER JSON RELATIONAL DUALITY VIEW `v` AS select 1',
    ],
    ['CREATE OR REPLACE DEFINER=role FUNCTION f', 'CREATE OR REPLACE FUNCTION f'],
  ])('%s', (sql, expected) => {
    expect(withoutDefiner(sql)).toBe(expected);
  });
});

describe('a trigger’s head', () => {
  it.each([
    ['CREATE TRIGGER a BEFORE INSERT ON t FOR EACH ROW SET @x = 1', true, 'BEFORE INSERT', 'SET @x = 1'],
    ['create trigger `a` after update on"t"for each row\nBEGIN END', true, 'after update', 'BEGIN END'],
    ['CREATE TRIGGER app.a BEFORE INSERT ON app . `t` FOR EACH ROW SET @x = 1', false, 'BEFORE INSERT', 'SET @x = 1'],
    ['CREATE TRIGGER a BEFORE INSERT ON t FOR EACH ROW FOLLOWS `b c` SET @x = 1', false, 'BEFORE INSERT', 'SET @x = 1'],
    [
      'CREATE TRIGGER db.a BEFORE UPDATE OF `x y`, z,`w` ON t FOR EACH ROW SET @x = 1',
      false,
      'BEFORE UPDATE OF `x y`, z,`w`',
      'SET @x = 1',
    ],
    [
      'CREATE TRIGGER a AFTER INSERT OR UPDATE OF b OR DELETE ON t FOR EACH ROW SET @x = 1',
      true,
      'AFTER INSERT OR UPDATE OF b OR DELETE',
      'SET @x = 1',
    ],
    [
      'CREATE TRIGGER IF NOT EXISTS `a.b` BEFORE DELETE ON `c.d` FOR EACH ROW CALL p()',
      true,
      'BEFORE DELETE',
      'CALL p()',
    ],
  ])('%s', (sql, isPlain, event, body) => {
    expect(triggerParts(sql)).toEqual({ isPlain, event, body });
  });

  it('is null if it cannot be parsed', () => {
    expect(triggerParts('CREATE /* odd */ TRIGGER a BEFORE INSERT ON t FOR EACH ROW SET @x = 1')).toBeNull();
  });
});

describe('a stored object under another name', () => {
  it.each([
    ['CREATE FUNCTION `a ``b`(x int) RETURNS int RETURN a(x)', 'CREATE FUNCTION `t`(x int) RETURNS int RETURN a(x)'],
    [
      'CREATE OR REPLACE AGGREGATE FUNCTION app.f() RETURNS int',
      'CREATE OR REPLACE AGGREGATE FUNCTION `t`() RETURNS int',
    ],
    ['CREATE PROCEDURE "p $1"(OUT n int) SELECT 1', 'CREATE PROCEDURE `t`(OUT n int) SELECT 1'],
    [
      'CREATE EVENT `e` ON SCHEDULE EVERY 1 DAY DO SET @x = 1',
      'CREATE EVENT `t` ON SCHEDULE EVERY 1 DAY DO SET @x = 1',
    ],
    ['CREATE PACKAGE `p` AS END', null],
    ['CREATE VIEW `v` AS select 1', null],
  ])('%s', (sql, expected) => {
    expect(underName({ sql }, 't')).toBe(expected);
  });
});
