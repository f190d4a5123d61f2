import { describe, expect, it } from 'vitest';
import { codeOfServerError, errnoPrinted } from './server-errors';

describe('errors that concern the server', () => {
  it.each([
    [1114, "The table 't' is full", 'SERVER_FAILED'],
    [1021, 'Disk full (/tmp/#sql); waiting for someone to free some space...', 'SERVER_FAILED'],
    [1030, 'Got error 28 "No space left on device" from storage engine InnoDB', 'SERVER_FAILED'],
    [1005, 'Can\'t create table `a`.`b` (errno: 28 "No space left on device")', 'SERVER_FAILED'],
    [1005, 'Can\'t create table `a`.`b` (errno: 150 "Foreign key constraint is incorrectly formed")', null],
    [1030, 'Got error 139 "Too big row" from storage engine InnoDB', null],
    [1180, 'Got error 28 "No space left on device" during COMMIT', 'SERVER_FAILED'],
    [3, 'Error writing file \'/tmp/x\' (Errcode: 28 "No space left on device")', 'SERVER_FAILED'],
    [22, 'Character set x is not a compiled character set', null],
    [1040, 'Too many connections', 'DATABASE_UNREACHABLE'],
    [1927, 'Connection was killed', 'DATABASE_UNREACHABLE'],
    [2013, 'Lost connection to server during query', 'DATABASE_UNREACHABLE'],
    [1213, 'Deadlock found when trying to get lock', 'SERVER_FAILED'],
    [1142, "INSERT command denied to user 'x'@'%' for table `a`", 'SERVER_FAILED'],
    [1064, 'You have an error in your SQL syntax', null],
    [1062, "Duplicate entry '1' for key 'PRIMARY'", null],
    [1273, "Unknown collation: 'x'", null],
  ])('%d %s', (errno, message, code) => {
    expect(codeOfServerError(errno, message, 'mariadb')).toBe(code);
  });

  it('are recognized by the numbers of each flavour', () => {
    expect(codeOfServerError(4031, 'Disconnected by the server because of inactivity', 'mysql')).toBe('DATABASE_UNREACHABLE'); // prettier-ignore
    expect(codeOfServerError(4031, 'Referenced trigger does not exist', 'mariadb')).toBeNull();
  });
});

it.each([
  ["ERROR 1114 (HY000) at line 9: The table 't' is full", 1114],
  ['exit code 2: mysqldump: Error 2013: Lost connection to server during query when dumping table `t` at row: 5', 2013],
  ['mysqldump: Got error: 1045: "Access denied for user" when trying to connect', 1045],
  ["mariadb-dump: Couldn't execute 'SHOW FIELDS FROM `t`': Table 'd.t' doesn't exist (1146)", 1146],
  ['exit code 3: it went away', 0],
])('reads the number in: %s', (text, errno) => {
  expect(errnoPrinted(text)).toBe(errno);
});
