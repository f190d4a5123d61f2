import { describe, expect, it } from 'vitest';
import { fill } from '../messages';
import { appsThatShare, type FolderFacts, type ReservedFolder, verdictOn } from './rules';

const STORAGE = '/srv/nocobase/storage';
const kept = ['plugins', 'apps', 'safekeep', 'logs', 'tmp'].map((name) => `${STORAGE}/${name}`);

const facts = (more: Partial<FolderFacts> = {}): FolderFacts => ({
  own: [`${STORAGE}/uploads`, '/data/docs'],
  defaultRoot: `${STORAGE}/uploads`,
  allowedRoots: [],
  reserved: [
    ...kept.map((folder): ReservedFolder => ({ folder, use: 'own' })),
    { folder: `${STORAGE}/db`, use: 'database' },
    { folder: '/srv/nocobase/node_modules', use: 'program' },
    { folder: '/srv/nocobase', use: 'working' },
    { folder: '/data/db of a', use: 'database', app: 'a' },
  ],
  otherApps: [],
  ...more,
});

const reasonFor = (folder: string, more?: Partial<FolderFacts>) => {
  const verdict = verdictOn(folder, facts(more));
  return verdict.allowed ? null : fill(verdict.reason.text, verdict.reason.params);
};
const isAllowed = (folder: string, more?: Partial<FolderFacts>) => reasonFor(folder, more) === null;

describe('a restore is allowed to replace a folder', () => {
  it('of a current file storage of the app, and the default one', () => {
    expect(verdictOn('/data/docs', facts())).toEqual({ allowed: true, sharedWith: [] });
    expect(isAllowed(`${STORAGE}/uploads`, { own: [] })).toBe(true);
  });

  it('that the operator allows, and all below it', () => {
    for (const folder of ['/mnt/files', '/mnt/files/deep/er']) {
      expect(isAllowed(folder)).toBe(false);
      expect(isAllowed(folder, { allowedRoots: ['/mnt/files'] })).toBe(true);
    }
    expect(isAllowed('/mnt/files-2', { allowedRoots: ['/mnt/files'] })).toBe(false);
    expect(isAllowed('/mnt', { allowedRoots: ['/mnt/files'] })).toBe(false);
  });

  it('and no other: not next to, above or below a file storage', () => {
    for (const folder of ['/data', '/data/docs/inner', '/data/docs2', '/etc', '/', `${STORAGE}/other`]) {
      expect(reasonFor(folder), folder).not.toBeNull();
    }
    expect(reasonFor('/data/docs2')).toBe('it is not a folder for file storages');
  });
});

describe('a folder is never replaced, even if it belongs to a file storage and the operator allows it,', () => {
  const everywhere = (folder: string): Partial<FolderFacts> => ({ own: [folder], allowedRoots: ['/'] });

  it.each([...kept, '/srv/nocobase/node_modules'])('that is, contains or is in %s', (reserved) => {
    for (const folder of [reserved, `${reserved}/deep/er`, reserved.slice(0, reserved.lastIndexOf('/')), '/']) {
      expect(reasonFor(folder, everywhere(folder)), folder).not.toBeNull();
    }
  });

  it.each([`${STORAGE}/db`, '/data/db of a'])('that is or contains the folder of a database file, %s', (reserved) => {
    for (const folder of [reserved, reserved.slice(0, reserved.lastIndexOf('/')), '/']) {
      expect(reasonFor(folder, everywhere(folder)), folder).not.toBeNull();
    }
    expect(reasonFor(`${reserved}/deep/er`, { allowedRoots: ['/'] })).not.toBeNull();
  });

  it('that differs from such a folder only in case, or in the encoding of an accent', () => {
    const reserved: ReservedFolder[] = [{ folder: '/srv/Pr\u00e9f\u00e9r\u00e9s', use: 'own' }];
    for (const folder of ['/srv/pre\u0301fe\u0301re\u0301s', '/SRV/PR\u00c9F\u00c9R\u00c9S/x']) {
      expect(reasonFor(folder, { ...everywhere(folder), reserved }), folder).toMatch(/NocoBase itself uses/);
    }
  });

  it('that is or contains the working folder; uploads are usually below it', () => {
    expect(reasonFor('/srv/nocobase', everywhere('/srv/nocobase'))).toMatch(/NocoBase/);
    expect(reasonFor('/srv', everywhere('/srv'))).toMatch(/NocoBase/);
    const reserved: ReservedFolder[] = [{ folder: '/srv/nocobase', use: 'working' }];
    expect(isAllowed('/srv/nocobase/files', { own: ['/srv/nocobase/files'], reserved })).toBe(true);
  });

  it('with a reason', () => {
    const all = { allowedRoots: ['/'] };
    expect(reasonFor(`${STORAGE}/plugins/x`, all)).toBe(`NocoBase itself uses ${STORAGE}/plugins`);
    expect(reasonFor(`${STORAGE}/db`, all)).toBe(`the database file is in ${STORAGE}/db`);
    expect(reasonFor('/srv/nocobase/node_modules/x', all)).toBe('NocoBase is installed in /srv/nocobase/node_modules');
    expect(reasonFor('/data/db of a', all)).toBe('the app a uses /data/db of a');
  });
});

describe('a database file next to the uploads', () => {
  const databaseIn = (folder: string): Partial<FolderFacts> => ({ reserved: [{ folder, use: 'database' }] });

  it('allows replacing them, but nothing that is or contains its folder', () => {
    expect(isAllowed(`${STORAGE}/uploads`, databaseIn(STORAGE))).toBe(true);
    expect(isAllowed('/data/docs', databaseIn('/data'))).toBe(true);
    const own = [STORAGE, '/srv'];
    for (const folder of own) expect(isAllowed(folder, { ...databaseIn(STORAGE), own }), folder).toBe(false);
  });

  it('forbids replacing them when it is inside them', () => {
    expect(isAllowed(`${STORAGE}/uploads`, databaseIn(`${STORAGE}/uploads`))).toBe(false);
    expect(isAllowed(`${STORAGE}/uploads`, databaseIn(`${STORAGE}/uploads/deep`))).toBe(false);
  });
});

describe('another app', () => {
  const a = (...fileFolders: string[]) => ({ otherApps: [{ name: 'a', fileFolders }] });

  it('shares the folder of a file storage that is, contains or is in one of its own', () => {
    for (const folder of ['/data/docs', '/data', '/data/docs/a', '/DATA/docs']) {
      expect(verdictOn('/data/docs', facts(a(folder))), folder).toEqual({ allowed: true, sharedWith: ['a'] });
    }
    for (const folder of ['/data/docs2', `${STORAGE}/uploads`]) {
      expect(verdictOn('/data/docs', facts(a(folder))), folder).toEqual({ allowed: true, sharedWith: [] });
    }
  });

  it('does not share a folder that no file storage of this app has', () => {
    const named = { allowedRoots: ['/mnt'], ...a('/mnt/a') };
    for (const folder of ['/mnt', '/mnt/a', '/mnt/a/b']) {
      expect(reasonFor(folder, named), folder).toBe('the app a keeps its files there');
    }
    expect(isAllowed('/mnt/b', named)).toBe(true);
    expect(isAllowed(`${STORAGE}/uploads`, { own: [], ...a(`${STORAGE}/uploads`) })).toBe(false);
  });

  it('counts as using every folder while its own are unknown', () => {
    const unknown = [{ name: 'b', fileFolders: null }];
    expect(appsThatShare('/data/docs', [...unknown, { name: 'c', fileFolders: [] }])).toEqual(['b']);
    const verdict = verdictOn('/mnt/files', facts({ allowedRoots: ['/mnt'], otherApps: unknown }));
    expect(verdict).toEqual({ allowed: true, sharedWith: ['b'] });
  });
});
