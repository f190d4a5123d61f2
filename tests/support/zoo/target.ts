import path from 'node:path';
import type { DatabaseConnection } from '../../../src/engine/databases/driver';
import type { TestApp } from '../app';

/** How to reach the database of a test app. */
export function targetOf({ database: fresh, storage }: Pick<TestApp, 'database' | 'storage'>): DatabaseConnection {
  const common = { tablePrefix: '', underscored: false };
  if (!fresh) return { ...common, dialect: 'sqlite', storage: path.join(storage, 'db/nocobase.sqlite') };
  const { dialect, host, port, username, password, database } = fresh;
  return { ...common, dialect, host, port, username, password, database };
}
