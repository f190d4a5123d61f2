import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findTools, installCommandFor, parseOsRelease, parseVersion, TOOLS_PATH_VARIABLE } from './tools';

let folder: string;
const before = process.env[TOOLS_PATH_VARIABLE];

beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'safekeep-tools-'));
});
afterEach(async () => {
  if (before === undefined) delete process.env[TOOLS_PATH_VARIABLE];
  else process.env[TOOLS_PATH_VARIABLE] = before;
  await rm(folder, { recursive: true, force: true });
});

async function tool(where: string, name: string, prints: string, exitCode = 0): Promise<string> {
  await mkdir(path.join(folder, where), { recursive: true });
  const file = path.join(folder, where, name);
  await writeFile(file, `#!/bin/sh\necho '${prints}'\nexit ${exitCode}\n`);
  await chmod(file, 0o755);
  return file;
}

describe('finding native clients', () => {
  it('lists the highest version first and compares numbers, not letters', async () => {
    const old = await tool('a', 'pg_dump', 'pg_dump (PostgreSQL) 9.6.24');
    const recent = await tool('b', 'pg_dump', 'pg_dump (PostgreSQL) 16.4 (Debian 16.4-1.pgdg120+1)');
    process.env[TOOLS_PATH_VARIABLE] = [path.join(folder, 'a'), path.join(folder, 'b')].join(path.delimiter);
    const found = await findTools(['pg_dump']);
    expect(found.map(({ path: file, version }) => [file, version])).toEqual([
      [recent, '16.4'],
      [old, '9.6.24'],
    ]);
  });

  it('skips a broken tool, one without a version, a folder and a file that is not executable', async () => {
    await tool('a', 'tool', 'tool Ver 1.2', 1);
    await tool('b', 'tool', 'hello');
    await mkdir(path.join(folder, 'c', 'tool'), { recursive: true });
    await chmod(await tool('d', 'tool', 'tool Ver 1.2'), 0o644);
    process.env[TOOLS_PATH_VARIABLE] = ['a', 'b', 'c', 'd', 'nowhere']
      .map((name) => path.join(folder, name))
      .join(path.delimiter);
    expect(await findTools(['tool'])).toEqual([]);
  });

  it('lists one file under two names once, by the first of the requested names', async () => {
    const real = await tool('a', 'mariadb-dump', 'mariadb-dump from 11.4.2-MariaDB, client 10.19 for Linux');
    await symlink(real, path.join(folder, 'a', 'mysqldump'));
    process.env[TOOLS_PATH_VARIABLE] = path.join(folder, 'a');
    const found = await findTools(['mariadb-dump', 'mysqldump']);
    expect(found.map((one) => one.path)).toEqual([real]);
  });

  it('finds the clients installed on this machine', async () => {
    delete process.env[TOOLS_PATH_VARIABLE];
    const found = await findTools(['node']);
    expect(found.map((one) => one.version)).toContain(process.versions.node);
  });
});

it.each([
  ['pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)', '15.18'],
  ['pg_restore (PostgreSQL) 18beta1', '18'],
  ['mysqldump  Ver 8.0.39 for Linux on x86_64 (MySQL Community Server - GPL)', '8.0.39'],
  ['mysqldump  Ver 10.13 Distrib 5.7.44, for Linux (x86_64)', '5.7.44'],
  ['mysqldump  Ver 10.19 Distrib 10.11.14-MariaDB, for debian-linux-gnu (x86_64)', '10.11.14'],
  ['mariadb from 11.4.2-MariaDB, client 15.2 for debian-linux-gnu (x86_64) using  EditLine wrapper', '11.4.2'],
  ['nothing here', null],
])('reads the version in %j', (raw, version) => {
  expect(parseVersion(raw)).toBe(version);
});

describe('the command that installs clients', () => {
  const debian = parseOsRelease('PRETTY_NAME="Debian"\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\nID=debian\n');

  it('uses the distribution’s package if it has this major version, PostgreSQL’s repository otherwise', () => {
    expect(installCommandFor(debian, 'postgres', 15)).toBe('apt-get update && apt-get install -y postgresql-client-15');
    expect(installCommandFor(debian, 'postgres', 17)).toMatch(/apt\.postgresql\.org\.sh -y && .*postgresql-client-17$/);
  });

  it('recognizes relatives by ID_LIKE, and links to the download page for an unknown system', () => {
    expect(parseOsRelease('ID=rocky\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.4"')).toEqual({
      family: 'rhel',
      version: '9.4',
    });
    expect(parseOsRelease('ID=linuxmint\nID_LIKE="ubuntu debian"\nVERSION_ID="22"').family).toBe('ubuntu');
    expect(installCommandFor(parseOsRelease('ID=alpine\nVERSION_ID=3.20'), 'postgres', 16)).toBe(
      'apk add postgresql16-client',
    );
    expect(installCommandFor(parseOsRelease(''), 'postgres', 16)).toContain('https://www.postgresql.org/download/');
  });
});
