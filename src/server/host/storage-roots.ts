import type { Application } from '@nocobase/server';
import { resolveFolder } from '../../engine/files/roots';
import { resolveDocumentRoot } from '../../engine/files/storages';
import { documentRootBases, fileManagerOf } from './folders';

/**
 * After a restore from a server with other upload folders: sets the document roots of local file storages, by name, to the
 * folders here. Uses the host's repository, so that the File manager updates its storages in memory. Can be repeated; missing
 * storages are ignored.
 * @returns names of the changed storages
 */
export async function applyStorageRoots(app: Application, roots: Readonly<Record<string, string>>): Promise<string[]> {
  const changed: string[] = [];
  const repository = app.db.getRepository('storages');
  const cached = [...(fileManagerOf(app)?.storagesCache?.values() ?? [])];
  for (const [name, documentRoot] of Object.entries(roots)) {
    const storage = await repository.findOne({ filter: { name, type: 'local' } });
    if (!storage) continue;
    const options = (storage.get('options') ?? {}) as { documentRoot?: string };
    // With variables filled in by the File manager.
    const current = cached.find((one) => one.name === name)?.options ?? options;
    if (await isSameFolder(current.documentRoot ?? '', documentRoot)) continue;
    await repository.update({ filterByTk: storage.get('id'), values: { options: { ...options, documentRoot } } });
    changed.push(name);
  }
  return changed;
}

async function isSameFolder(one: string, other: string): Promise<boolean> {
  const [a, b] = [one, other].map((documentRoot) => resolveDocumentRoot(documentRoot, documentRootBases()));
  // A path of another server can be invalid here.
  const real = await Promise.all([a, b].map((folder) => resolveFolder(folder ?? '').catch(() => folder)));
  return real[0] === real[1];
}
