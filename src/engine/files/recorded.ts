import type { FileRecord } from '../databases/driver';
import { type FileRoot, type LocalStorage, recordPlaces } from './storages';

/** A record of an uploaded file, as named in messages. */
export type RecordName = Pick<FileRecord, 'collection' | 'key'>;

/** The files that the records of one moment name, by root and path. */
export class RecordedFiles {
  private readonly byRoot = new Map<string, Map<string, RecordName[]>>();
  /** Records whose path leaves their storage: the File manager does not serve them. */
  readonly outside: FileRecord[] = [];

  static async of(
    records: AsyncIterable<FileRecord>,
    { storages, fileRoots }: { storages: readonly LocalStorage[]; fileRoots: readonly FileRoot[] },
  ): Promise<RecordedFiles> {
    const found = new RecordedFiles();
    const placeOf = recordPlaces(storages, fileRoots);
    for await (const record of records) {
      const place = placeOf(record);
      if (place === 'outside') found.outside.push(record);
      else if (place !== 'elsewhere') found.add(place.root.id, place.path, record);
    }
    return found;
  }

  /** Paths below a root, '/' between folders. */
  pathsIn({ id }: FileRoot): ReadonlyMap<string, readonly RecordName[]> {
    return this.byRoot.get(id) ?? new Map<string, RecordName[]>();
  }

  private add(root: string, path: string, { collection, key }: FileRecord): void {
    const paths = this.byRoot.get(root) ?? new Map<string, RecordName[]>();
    this.byRoot.set(root, paths);
    const names = paths.get(path);
    if (names) names.push({ collection, key });
    else paths.set(path, [{ collection, key }]);
  }
}
