import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { DatabaseConnection } from '../driver';
import { bestOf, dumpFlags, credentialsFile } from './client';
import type { MysqlServer } from './connection';

const server = (flavour: MysqlServer['flavour'], version: string): MysqlServer => ({
  flavour,
  version,
  caseSensitive: true,
  maxAllowedPacket: 1 << 24,
});
const found = (...versions: string[]) =>
  versions.map((version) => ({ path: `/bin/${version}`, version, raw: version }));

describe('the client that fits a server', () => {
  it.each([
    ['mariadb', '10.11.6', ['11.8.1', '10.11.2', '10.6.1'], '10.11.2'],
    ['mariadb', '10.11.6', ['11.8.1', '11.4.2', '10.6.1'], '11.4.2'],
    ['mariadb', '11.8.2', ['10.11.2', '10.6.1'], '10.11.2'],
    ['mariadb', '10.11.6', ['10.2.44'], undefined],
    ['mysql', '8.0.40', ['9.1.0', '8.4.0', '8.0.36'], '8.0.36'],
    ['mysql', '8.4.0', ['8.0.36', '5.7.44'], '8.0.36'],
    ['mysql', '5.7.44', ['8.0.36'], '8.0.36'],
    ['mysql', '8.0.40', ['5.7.44'], undefined],
    ['mysql', '9.1.0', ['8.4.0'], undefined],
  ] as const)('for %s %s among %j is %s', (flavour, version, versions, expected) => {
    expect(bestOf(found(...versions), server(flavour, version))?.version).toBe(expected);
  });
});

describe('the flags of a dump', () => {
  it('include options of MySQL’s own tools only, by version', () => {
    expect(dumpFlags(server('mysql', '5.7.44'), '8.0.36')).toEqual(
      expect.arrayContaining(['--set-gtid-purged=OFF', '--column-statistics=0']),
    );
    expect(dumpFlags(server('mysql', '5.7.44'), '5.7.44')).not.toContain('--column-statistics=0');
    const mariadb = dumpFlags(server('mariadb', '10.11.6'), '10.11.6');
    expect(mariadb.filter((flag) => /gtid|statistics/.test(flag))).toEqual([]);
    expect(mariadb).toEqual(expect.arrayContaining(['--single-transaction', '--hex-blob', '--skip-lock-tables']));
  });
});

describe('the credentials file', () => {
  const to: DatabaseConnection = {
    dialect: 'mysql',
    host: 'db',
    port: 3307,
    username: 'u',
    password: 'a"b\\c #d',
    database: 'x',
    tablePrefix: '',
    underscored: false,
  };
  const contentFor = async (connection: DatabaseConnection, of: MysqlServer, clientVersion: string) => {
    const credentials = await credentialsFile(connection, of, clientVersion);
    const file = credentials.firstArg.replace('--defaults-file=', '');
    try {
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      expect((await stat(path.dirname(file))).mode & 0o777).toBe(0o700);
      return (await readFile(file, 'utf8')).replaceAll(path.dirname(file), '');
    } finally {
      await credentials.remove();
      await credentials.remove();
      await expect(stat(path.dirname(file))).rejects.toThrow();
    }
  };

  it('is readable by its owner only, escapes the password, and is removed afterwards', async () => {
    expect(await contentFor(to, server('mysql', '8.0.1'), '8.0.1')).toBe(
      '[client]\nprotocol="tcp"\nhost="db"\nport="3307"\nuser="u"\npassword="a\\"b\\\\c #d"\nloose-get-server-public-key="1"\n',
    );
  });

  it.each([
    ['mariadb', '11.8.1', undefined, /^skip-ssl$/m],
    ['mariadb', '10.11.1', { ca: 'PEM' }, /ssl-ca="\/ca.pem"\nssl="1"\nssl-verify-server-cert="0"/],
    ['mariadb', '11.4.1', { ca: 'PEM' }, /ssl-ca="\/ca.pem"\nssl="1"\nssl-verify-server-cert="1"/],
    ['mariadb', '11.4.1', { rejectUnauthorized: false, ca: 'PEM' }, /"\nssl="1"\nssl-verify-server-cert="0"/],
    ['mysql', '8.0.1', { ca: 'PEM', cert: 'C', key: 'K' }, /ssl-cert=.*\nssl-key=.*\nssl-ca=.*\nssl-mode="VERIFY_CA"/],
    ['mysql', '8.0.1', { rejectUnauthorized: false }, /password=.*\nssl-mode="REQUIRED"/],
  ] as const)('configures %s %s for TLS as the app does: %j', async (flavour, version, tls, expected) => {
    expect(await contentFor({ ...to, tls }, server(flavour, version), version)).toMatch(expected);
  });
});
