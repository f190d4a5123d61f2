/** The plugins whose field types, interfaces and collections the zoo uses. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/**
 * To be loaded besides the usual ones (error-handler, field-sort, data-source-main, data-source-manager, file-manager,
 * system-settings, users, auth, acl …), in this order.
 */
export const ZOO_PLUGINS = [
  'async-task-manager',
  'collection-sql',
  'collection-tree',
  'field-attachment-url',
  'field-china-region',
  'field-code',
  'field-formula',
  'field-m2m-array',
  'field-markdown-vditor',
  'field-sequence',
  'map',
  'workflow',
  'workflow-dynamic-calculation',
];

/** Plugins of the preset that register field types and are loaded by every test app anyway. */
const ALWAYS_LOADED = ['field-sort'];

/** Not ours to read. */
const CLOSED_BOOKS = ['plugin-backups', 'plugin-backup-restore'];

/** Names of plugins in node_modules that register field types but are not loaded for the zoo; should be empty. */
export function pluginsWithForgottenFieldTypes(): string[] {
  const home = path.resolve('node_modules/@nocobase');
  const known = new Set([...ZOO_PLUGINS, ...ALWAYS_LOADED].map((name) => `plugin-${name}`));
  return readdirSync(home)
    .filter((name) => name.startsWith('plugin-') && !CLOSED_BOOKS.includes(name) && !known.has(name))
    .filter((name) => registersFieldTypes(path.join(home, name, 'dist/server')));
}

/** Plugins register in their entry files, which lie directly in dist/server. */
function registersFieldTypes(folder: string): boolean {
  if (!existsSync(folder)) return false;
  return readdirSync(folder)
    .filter((name) => name.endsWith('.js'))
    .some((name) => readFileSync(path.join(folder, name), 'utf8').includes('registerFieldType'));
}
