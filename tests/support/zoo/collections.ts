/** The zoo's collections as the host's collections API takes them: every field type and every kind of relation. */

export interface FieldDefinition {
  name: string;
  type: string;
  interface?: string;
  [option: string]: unknown;
}

export interface CollectionDefinition {
  name: string;
  fields: FieldDefinition[];
  [option: string]: unknown;
}

/** Registered types without a column type of their own, which therefore can't be seeded, with the reason. */
export const TYPES_WITHOUT_COLUMN: Record<string, string> = {
  number: 'base class of the number types, it has no data type',
};

/** Name of the second local storage, where the zoo's own file collection keeps its files. */
export const SECOND_STORAGE = 'zoo-second';

const field = (name: string, type: string, options: Record<string, unknown> = {}): FieldDefinition => ({
  name,
  type,
  uiSchema: { title: `${name} "${type}"`, 'x-component': 'Input' },
  ...options,
});

const key = (name: string, type: string): FieldDefinition => field(name, type, { isForeignKey: true });

/** One field or more of every type that has a column (or, for virtual, none by design) but no target collection. */
const types: CollectionDefinition = {
  name: 'zooTypes',
  title: "Every type: it's \\ all here 🛟",
  sortable: 'sort',
  filterTargetKey: 'id',
  fields: [
    field('string', 'string', { interface: 'input', defaultValue: "it's a \\ default" }),
    field('uniqueString', 'string', { interface: 'input', unique: true, length: 100 }),
    field('text', 'text', { interface: 'textarea' }),
    field('longText', 'text', { interface: 'richText', length: 'long' }),
    field('markdown', 'text', { interface: 'markdown' }),
    field('vditor', 'text', { interface: 'vditor' }),
    field('code', 'text', { interface: 'code' }),
    field('attachmentUrl', 'string', { interface: 'attachmentURL' }),
    field('choice', 'string', { interface: 'select', uiSchema: { enum: [{ value: 'a', label: "it's a" }] } }),
    field('integer', 'integer', { interface: 'integer', defaultValue: -7 }),
    field('bigInt', 'bigInt', { interface: 'integer' }),
    field('float', 'float', { interface: 'number' }),
    field('double', 'double', { interface: 'number' }),
    field('real', 'real', { interface: 'number' }),
    field('decimal', 'decimal', { interface: 'number', precision: 38, scale: 10 }),
    field('percent', 'float', { interface: 'percent' }),
    field('boolean', 'boolean', { interface: 'checkbox', defaultValue: true }),
    field('radio', 'radio', { interface: 'radio' }),
    field('date', 'date', { interface: 'datetime', timezone: true }),
    field('datetime', 'datetime', { interface: 'datetime' }),
    field('datetimeTz', 'datetimeTz', { interface: 'datetime' }),
    field('datetimeNoTz', 'datetimeNoTz', { interface: 'datetimeNoTz' }),
    field('dateOnly', 'dateOnly', { interface: 'date' }),
    field('time', 'time', { interface: 'time' }),
    field('unixTimestamp', 'unixTimestamp', { interface: 'unixTimestamp', accuracy: 'millisecond' }),
    field('json', 'json', { interface: 'json' }),
    field('jsonb', 'jsonb', { interface: 'json' }),
    field('array', 'array', { interface: 'multipleSelect' }),
    field('typedArray', 'array', { dataType: 'array', elementType: 'string' }),
    field('set', 'set', { interface: 'checkboxGroup' }),
    field('blob', 'blob', { length: 'long' }),
    field('uuid', 'uuid', { interface: 'uuid' }),
    field('nanoid', 'nanoid', { interface: 'nanoid' }),
    field('uid', 'uid', { prefix: 'u_' }),
    field('password', 'password', { interface: 'password', hidden: true }),
    field('sort', 'sort', { interface: 'sort', scopeKey: 'choice' }),
    field('snowflakeId', 'snowflakeId', { interface: 'snowflakeId' }),
    field('sequence', 'sequence', {
      interface: 'sequence',
      patterns: [
        { type: 'string', options: { value: 'NO-' } },
        { type: 'integer', options: { digits: 6, start: 41, key: 1 } },
      ],
    }),
    field('formula', 'formula', { interface: 'formula', dataType: 'double', expression: '{{integer}} * 2' }),
    field('expression', 'expression', { interface: 'expression' }),
    field('context', 'context', { dataIndex: 'state.currentUser.nickname', dataType: 'string' }),
    field('virtual', 'virtual'),
    field('point', 'point', { interface: 'point' }),
    field('lineString', 'lineString', { interface: 'lineString' }),
    field('circle', 'circle', { interface: 'circle' }),
    field('polygon', 'polygon', { interface: 'polygon' }),
  ],
};

const tags: CollectionDefinition = {
  name: 'zooTags',
  autoGenId: false,
  fields: [
    field('code', 'nanoid', { primaryKey: true, allowNull: false }),
    field('select', 'string', { interface: 'input' }),
  ],
};

const people: CollectionDefinition = {
  name: 'zooPeople',
  createdBy: true,
  updatedBy: true,
  fields: [
    field('name', 'string', { interface: 'input' }),
    field('profile', 'hasOne', {
      interface: 'oho',
      target: 'zooProfiles',
      foreignKey: 'personId',
      onDelete: 'CASCADE',
    }),
    field('books', 'hasMany', { interface: 'o2m', target: 'zooBooks', foreignKey: 'authorId', onDelete: 'RESTRICT' }),
    field('boss', 'belongsTo', { interface: 'm2o', target: 'zooPeople', foreignKey: 'bossId', onDelete: 'SET NULL' }),
    field('friends', 'belongsToMany', {
      interface: 'm2m',
      target: 'zooPeople',
      through: 'zooFriends',
      foreignKey: 'aId',
      otherKey: 'bId',
    }),
    field('photos', 'belongsToMany', {
      interface: 'attachment',
      target: 'attachments',
      through: 'zooPeoplePhotos',
      foreignKey: 'personId',
      otherKey: 'attachmentId',
    }),
    field('regions', 'belongsToMany', {
      interface: 'chinaRegion',
      target: 'chinaRegions',
      through: 'zooPeopleRegions',
      foreignKey: 'personId',
      otherKey: 'regionCode',
      sourceKey: 'id',
      targetKey: 'code',
    }),
  ],
};

/** SQLite only: made on the fly as on the others, they would get a unique index on one column alone. */
export const THROUGHS: CollectionDefinition[] = [
  { name: 'zooFriends', fields: [key('aId', 'bigInt'), key('bId', 'bigInt')] },
  { name: 'zooBooksTags', fields: [key('bookId', 'bigInt'), key('tagCode', 'string')] },
  { name: 'zooPeoplePhotos', fields: [key('personId', 'bigInt'), key('attachmentId', 'bigInt')] },
  { name: 'zooPeopleRegions', fields: [key('personId', 'bigInt'), key('regionCode', 'string')] },
];

const profiles: CollectionDefinition = {
  name: 'zooProfiles',
  fields: [field('bio', 'text', { interface: 'textarea' })],
};

const books: CollectionDefinition = {
  name: 'zooBooks',
  paranoid: true,
  fields: [
    field('title', 'string', { interface: 'input', index: true }),
    field('author', 'belongsTo', { interface: 'm2o', target: 'zooPeople', foreignKey: 'authorId' }),
    field('tags', 'belongsToMany', {
      interface: 'm2m',
      target: 'zooTags',
      through: 'zooBooksTags',
      foreignKey: 'bookId',
      otherKey: 'tagCode',
      targetKey: 'code',
    }),
    field('tagCodes', 'set', { dataType: 'array', elementType: 'string' }),
    field('tagArray', 'belongsToArray', {
      interface: 'mbm',
      target: 'zooTags',
      targetKey: 'code',
      foreignKey: 'tagCodes',
    }),
    field('scan', 'belongsTo', { interface: 'attachment', target: 'zooFiles', foreignKey: 'scanId' }),
  ],
};

/** A tree keeps its paths in a collection of its own, main_zooTree_path. */
const tree: CollectionDefinition = {
  name: 'zooTree',
  template: 'tree',
  tree: 'adjacency-list',
  fields: [
    field('title', 'string', { interface: 'input' }),
    field('parentId', 'bigInt', { interface: 'integer', isForeignKey: true }),
    field('parent', 'belongsTo', { target: 'zooTree', foreignKey: 'parentId', treeParent: true, onDelete: 'CASCADE' }),
    field('children', 'hasMany', { target: 'zooTree', foreignKey: 'parentId', treeChildren: true }),
  ],
};

const files: CollectionDefinition = {
  name: 'zooFiles',
  template: 'file',
  storage: SECOND_STORAGE,
  fields: [
    field('title', 'string', { interface: 'input' }),
    field('filename', 'string', { interface: 'input' }),
    field('extname', 'string', { interface: 'input' }),
    field('size', 'integer', { interface: 'integer' }),
    field('mimetype', 'string', { interface: 'input' }),
    field('path', 'text', { interface: 'textarea' }),
    field('url', 'text', { interface: 'url' }),
    field('preview', 'text', { interface: 'url' }),
    field('storage', 'belongsTo', { target: 'storages', foreignKey: 'storageId' }),
    field('meta', 'jsonb', { defaultValue: {} }),
  ],
};

/** In the order in which they can be created. */
export const COLLECTIONS: CollectionDefinition[] = [types, tags, files, profiles, people, books, tree];

/** PostgreSQL only: a child of a child, with a table of its own each. */
export const INHERITED: CollectionDefinition[] = [
  { name: 'zooVehicles', fields: [field('wheels', 'integer'), field('label', 'string', { defaultValue: "it's" })] },
  { name: 'zooCars', inherits: ['zooVehicles'], fields: [field('doors', 'integer')] },
  { name: 'zooTaxis', inherits: ['zooCars'], fields: [field('sign', 'string')] },
];

/** Collections over SQL: one on a database view, one on a query. Created once the raw objects exist. */
export const OVER_SQL: CollectionDefinition[] = [
  {
    name: 'zoo_people_view',
    view: true,
    viewName: 'zoo_people_view',
    template: 'view',
    autoGenId: false,
    fields: [field('id', 'bigInt', { source: 'zooPeople.id' }), field('shout', 'string')],
  },
  {
    name: 'zooQuery',
    template: 'sql',
    sql: 'SELECT 1 AS one',
    autoGenId: false,
    fields: [field('one', 'integer')],
  },
];

/** Types that point to another collection, which must exist first. */
export function isRelation({ type }: FieldDefinition): boolean {
  return /^(hasOne|hasMany|belongsTo)/.test(type);
}
