import { describe, expect, it } from 'vitest';
import { fileRootsOf, type LocalStorage, recordPlaces, resolveDocumentRoot } from './storages';

const storage = (name: string, folder: string, id = name): LocalStorage => ({ id, name, documentRoot: folder, folder });

it.each([
  ['', '/default'],
  ['/abs/olute/', '/abs/olute'],
  ['/abs/../olute', '/olute'],
  ['storage', '/s'],
  ['storage/uploads', '/s/uploads'],
  ['./storage//uploads', '/s/uploads'],
  ['storage/../../etc', '/etc'],
  ['storages/x', '/w/storages/x'],
  ['files', '/w/files'],
  ['../files', '/files'],
  ['storage\\uploads', '/s/uploads'],
])('the document root “%s” is %s', (documentRoot, folder) => {
  expect(resolveDocumentRoot(documentRoot, { storage: '/s', working: '/w', default: '/default' })).toBe(folder);
});

describe('roots of storages', () => {
  it('are one for storages that share a folder or are nested, with the location of each', () => {
    const roots = fileRootsOf(
      [
        storage('inner', '/uploads/in/ner'),
        storage('other', '/uploads-2'),
        storage('local', '/uploads'),
        storage('too', '/uploads'),
      ],
      [],
    );
    expect(roots.map(({ id, folder, places }) => ({ id, folder, places }))).toEqual([
      { id: 'local', folder: '/uploads', places: { local: '', too: '', inner: 'in/ner' } },
      { id: 'other', folder: '/uploads-2', places: { other: '' } },
    ]);
  });

  it('have plain and unique ids, whatever the names of the storages', () => {
    const names = ['a/b', 'a.b', '../..', '备份', ''];
    const ids = fileRootsOf(
      names.map((name, index) => storage(name, `/${index}`)),
      [],
    ).map(({ id }) => id);
    expect(new Set(ids).size).toBe(5);
    for (const id of ids) expect(id).toMatch(/^[A-Za-z0-9_-]+$/);
  });

  it('name other apps that can have files there', () => {
    const apps = [
      { name: 'a', fileFolders: ['/uploads'] },
      { name: 'b', fileFolders: null },
    ];
    const roots = fileRootsOf([storage('local', '/uploads'), storage('own', '/own')], apps);
    expect(roots.map(({ sharedWith }) => sharedWith)).toEqual([['b'], ['a', 'b']]);
  });
});

describe('the place of a record', () => {
  const storages = [storage('local', '/uploads', '1'), storage('inner', '/uploads/inner', '2')];
  const placeOf = recordPlaces(storages, fileRootsOf(storages, []));
  const place = (storageId: string, path: string, filename: string) => {
    const found = placeOf({ storageId, path, filename });
    return typeof found === 'string' ? found : `${found.root.id}: ${found.path}`;
  };

  it('is the root of its storage and the path below it', () => {
    expect(place('1', '', 'a.png')).toBe('local: a.png');
    expect(place('1', 'deep/er/', 'a b.png')).toBe('local: deep/er/a b.png');
    expect(place('1', '/deep', 'back\\slash')).toBe('local: deep/back\\slash');
    expect(place('2', 'deep', 'a')).toBe('local: inner/deep/a');
    expect(place('1', 'x/../y', 'a')).toBe('local: y/a');
  });

  it('is elsewhere for storages that are not local or unknown', () => {
    expect(place('3', '', 'a')).toBe('elsewhere');
  });

  it('is outside where its path leaves the storage, though not the root', () => {
    expect(place('1', '..', 'a')).toBe('outside');
    expect(place('2', '..', 'a')).toBe('outside');
    expect(place('1', 'a', '../../b')).toBe('outside');
    expect(place('1', '', '.')).toBe('outside');
    expect(place('1', '', 'a\0b')).toBe('outside');
  });
});
