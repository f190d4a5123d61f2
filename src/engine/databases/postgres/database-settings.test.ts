import { describe, expect, it } from 'vitest';
import { createDatabase, type DatabaseRow, settingValue } from './database-settings';

const row: DatabaseRow = {
  oid: '16384',
  datname: 'app',
  owner: 'it"s me',
  encoding_name: 'UTF8',
  datcollate: 'de_DE.UTF-8',
  datctype: 'de_DE.UTF-8',
  datconnlimit: -1,
  tablespace: 'pg_default',
  comment: null,
};

describe('a database like another', () => {
  const common = `LC_COLLATE 'de_DE.UTF-8' LC_CTYPE 'de_DE.UTF-8'`;
  const start = `CREATE DATABASE "x" TEMPLATE template0 OWNER "it""s me" ENCODING 'UTF8'`;

  it.each<[string, Partial<DatabaseRow>, string]>([
    ['PostgreSQL 12 to 14', {}, `${start} ${common}`],
    ['15, libc', { datlocprovider: 'c', daticulocale: null }, `${start} LOCALE_PROVIDER libc ${common}`],
    [
      '16, ICU with rules',
      { datlocprovider: 'i', daticulocale: 'de-u-co-phonebk', daticurules: '&a < b' },
      `${start} LOCALE_PROVIDER icu ICU_LOCALE 'de-u-co-phonebk' ICU_RULES '&a < b' ${common}`,
    ],
    ['17, ICU', { datlocprovider: 'i', datlocale: 'und' }, `${start} LOCALE_PROVIDER icu ICU_LOCALE 'und' ${common}`],
    [
      '17, builtin, in a tablespace',
      { datlocprovider: 'b', datlocale: 'C.UTF-8', tablespace: 'fast' },
      `${start} LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' ${common} TABLESPACE "fast"`,
    ],
  ])('is created on %s', (_name, more, statement) => {
    expect(createDatabase('x', { ...row, ...more })).toBe(statement);
  });
});

it.each([
  ['work_mem', '5MB', `'5MB'`],
  ['DateStyle', 'ISO, DMY', `'ISO, DMY'`],
  ['search_path', '"$user", public, "odd, ""name"', `'$user', 'public', 'odd, "name'`],
  ['search_path', '', `''`],
  ['app.note', `it's`, `'it''s'`],
])('the setting %s = %s is set to %s', (name, value, expected) => {
  expect(settingValue(name, value)).toBe(expected);
});
