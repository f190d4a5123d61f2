import type { Application } from '@nocobase/server';
import { resolveFolder } from '../../engine/files/roots';
import { resolveDocumentRoot } from '../../engine/files/storages';
import { documentRootBases, fileManagerOf } from './folders';

/**
 * After a restore from a server whose uploads lay elsewhere: gives local file storages, by name, the document roots that they
 * have here. Goes through the host's repository, so that the File manager's storages in memory follow. Can be repeated; a
 * storage that is not there, or has the folder already, stays as it is.
 * @returns names of the storages that were changed
 */
export async function applyStorageRoots(app: Application, roots: Readonly<Record<string, string>>): Promise<string[]> {
  const changed: string[] = [];
  const repository = app.db.getRepository('storages');
  const cached = [...(fileManagerOf(app)?.storagesCache?.values() ?? [])];
  for (const [name, documentRoot] of Object.entries(roots)) {
    const storage = await repository.findOne({ filter: { name, type: 'local' } });
    if (!storage) continue;
    const options = (storage.get('options') ?? {}) as { documentRoot?: string };
    // As the File manager fills in variables.
    const current = cached.find((one) => one.name === name)?.options ?? options;
    if (await isSameFolder(current.documentRoot ?? '', documentRoot)) continue;
    await repository.update({ filterByTk: storage.get('id'), values: { options: { ...options, documentRoot } } });
    changed.push(name);
  }
  return changed;
}

async function isSameFolder(one: string, other: string): Promise<boolean> {
  const [a, b] = [one, other].map((documentRoot) => resolveDocumentRoot(documentRoot, documentRootBases()));
  // A folder of another server need not be possible here.
  const real = await Promise.all([a, b].map((folder) => resolveFolder(folder ?? '').catch(() => folder)));
  return real[0] === real[1];
}
