/** Fills an app with everything a backup must be able to carry. */
import type { Application } from '@nocobase/server';
import type { DatabaseConnection } from '../../../src/engine/databases/driver';
import { isMysqlFamily, type RawConnection, withConnection } from '../compare';
import {
  COLLECTIONS,
  type CollectionDefinition,
  INHERITED,
  isRelation,
  OVER_SQL,
  SECOND_STORAGE,
  THROUGHS,
} from './collections';
import { TYPES_WITHOUT_COLUMN } from './collections';
import { createMysqlObjects } from './objects-mysql';
import { createPostgresObjects } from './objects-postgres';
import { createSqliteObjects } from './objects-sqlite';
import { seedInherited, seedRows } from './rows';

export interface ZooOptions {
  /** How the tests reach the app's database. */
  target: DatabaseConnection;
  /** documentRoot of the second local storage as the host takes it: absolute or 'storage/…'; need not exist. */
  secondRoot: string;
  /** PostgreSQL: runs a statement with the privilege to create roles. */
  asAdmin?: (sql: string) => Promise<unknown>;
}

/**
 * Creates the zoo's collections through the host's collections API, rows through its repositories, and views, triggers,
 * stored objects and other objects that the host does not know, through a connection of its own.
 * The app must have been started with ZOO_PLUGINS. Takes about two seconds.
 */
export async function seedZoo(app: Application, options: ZooOptions): Promise<void> {
  const { target, secondRoot } = options;
  await app.db.getRepository('storages').create({
    values: {
      name: SECOND_STORAGE,
      title: "Second storage: it's elsewhere",
      type: 'local',
      baseUrl: '/storage/zoo-second',
      path: 'sub/folder',
      options: { documentRoot: secondRoot },
      renameMode: 'none',
    },
  });
  await createCollections(app, target.dialect === 'sqlite' ? [...THROUGHS, ...COLLECTIONS] : COLLECTIONS);
  await seedRows(app);
  if (target.dialect === 'postgres') {
    await createCollections(app, INHERITED);
    await seedInherited(app);
  }
  await withConnection(target, (connection) => storeJsonNull(app, connection));
  await createObjects(target, app.db.getCollection('zooPeople').quotedTableName(), options.asAdmin);
  await createCollections(app, OVER_SQL);
}

/** The part of the zoo that needs no host: what the dialect has beyond tables. `people`: a table with id and name. */
export function createObjects(
  target: DatabaseConnection,
  people: string,
  asAdmin?: ZooOptions['asAdmin'],
): Promise<void> {
  return withConnection(target, (connection) => {
    if (target.dialect === 'postgres') return createPostgresObjects(connection, people, asAdmin);
    if (isMysqlFamily(target)) return createMysqlObjects(connection, people);
    return createSqliteObjects(connection, people);
  });
}

/** As in the collection manager: first the collections with their plain fields, then the relations between them. */
async function createCollections(app: Application, definitions: CollectionDefinition[]): Promise<void> {
  // With a context, as from an HTTP request, the host creates the table or column too.
  for (const { fields, ...collection } of structuredClone(definitions)) {
    const own = collection['template'] ? fields : fields.filter((field) => !isRelation(field));
    await app.db.getRepository('collections').create({ values: { ...collection, fields: own }, context: {} });
  }
  for (const { fields, name, template } of structuredClone(definitions)) {
    if (template) continue;
    for (const field of fields.filter(isRelation)) {
      await app.db.getRepository('fields').create({ values: { ...field, collectionName: name }, context: {} });
    }
  }
}

/** JSON's own null next to SQL's NULL, which the host never writes. */
async function storeJsonNull(app: Application, connection: RawConnection): Promise<void> {
  const table = app.db.getCollection('zooTypes').quotedTableName();
  const choice = isMysqlFamily(connection.target) ? '`choice`' : '"choice"';
  await connection.query(`UPDATE ${table} SET json = 'null', jsonb = 'null' WHERE ${choice} = 'nullWord'`);
}

/**
 * Field types the app knows but of which the zoo holds no value, and definitions of types the app does not know.
 * Relation and virtual fields count as soon as a collection has one.
 */
export async function unseededTypes(app: Application, target: DatabaseConnection): Promise<string[]> {
  const missing = new Set([...app.db.fieldTypes.keys()].filter((type) => !(type in TYPES_WITHOUT_COLUMN)));
  const definitions = [...COLLECTIONS, ...OVER_SQL, ...(target.dialect === 'postgres' ? INHERITED : [])];
  await withConnection(target, async (connection) => {
    for (const { name } of definitions) {
      const collection = app.db.getCollection(name);
      for (const field of collection.getFields() as { type: string; name: string }[]) {
        const column = collection.model.rawAttributes[field.name];
        if (!missing.has(field.type)) continue;
        const isStored = column !== undefined && field.type !== 'virtual' && !collection.isView();
        if (
          !isStored ||
          (await hasValue(connection, collection.quotedTableName(), String(column.field ?? field.name)))
        ) {
          missing.delete(field.type);
        }
      }
    }
  });
  return [...missing].sort();
}

async function hasValue(connection: RawConnection, table: string, column: string): Promise<boolean> {
  const quoted = isMysqlFamily(connection.target) ? `\`${column}\`` : `"${column}"`;
  const rows = await connection.query(`SELECT 1 AS found FROM ${table} WHERE ${quoted} IS NOT NULL LIMIT 1`);
  return rows.length > 0;
}
