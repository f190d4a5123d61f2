import type { Application } from '@nocobase/server';

/** Placeholder, see the branch of the files work. */
export async function applyStorageRoots(_app: Application, _roots: Readonly<Record<string, string>>): Promise<void> {}
