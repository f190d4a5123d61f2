export { COLLECTIONS, INHERITED, OVER_SQL, SECOND_STORAGE, TYPES_WITHOUT_COLUMN } from './collections';
export { seedFiles, type SeededUploads, seedUploads } from './files';
export { nextInsertWorks, nextRawInsertWorks } from './next-insert';
export { READER_ROLE } from './objects-postgres';
export { pluginsWithForgottenFieldTypes, ZOO_PLUGINS } from './plugins';
export { createObjects, seedZoo, unseededTypes, type ZooOptions } from './seed';
export { checkInvariant, startWriter, type Writer } from './writer';
export { targetOf } from './target';
