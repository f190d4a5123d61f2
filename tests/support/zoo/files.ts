/** Files that naive archives lose, on disk and through the file manager. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Application } from '@nocobase/server';
import { SECOND_STORAGE } from './collections';
import { HARD_TEXTS } from './values';

/** As long as a name can be: 255 bytes, of two bytes a letter but one. */
const LONGEST_NAME = 'é'.normalize('NFC').repeat(127) + 'x';

const NAMES = [
  LONGEST_NAME,
  `${'n'.repeat(251)}.txt`,
  'نسخة احتياطية.txt',
  '\u202Egpj.exe',
  '备份 🛟👩‍👩‍👧.png',
  '-rf',
  '--option=value',
  '.hidden',
  '..twodots',
  '...',
  ' leading and trailing ',
  'it\'s "quoted" `tick` $HOME %PATH%',
  'back\\slash\\..\\name',
  'C:\\temp\\',
  'new\nline',
  'carriage\rreturn\ttab',
  'Å'.normalize('NFC'),
  'Å'.normalize('NFD'),
  'UPPER',
  'upper',
  'a;b&c|d<e>f*g?h#i',
  'manifest.json',
  'entries.jsonl',
  'con.aux.nul',
  'file.safekeep.zip.partial',
];

const DEEP = Array.from({ length: 20 }, (_, depth) => `deep ${depth} ü`).join('/');

const FIVE_MEGABYTES = 5 << 20;

/** Bytes that no codec makes smaller, the same on every run. */
function incompressible(bytes: number): Buffer {
  const blocks = Array.from({ length: Math.ceil(bytes / 32) }, (_, n) => createHash('sha256').update(`${n}`).digest());
  return Buffer.concat(blocks).subarray(0, bytes);
}

/** Fills a folder (made when missing) with hard names, an empty file, large ones and 200 small ones: about 10 MB. */
export async function seedFiles(folder: string): Promise<void> {
  const write = async (name: string, content: string | Buffer) => {
    const file = `${folder}/${name}`;
    await mkdir(file.slice(0, file.lastIndexOf('/')), { recursive: true });
    await writeFile(file, content);
  };
  for (const name of NAMES) await write(`names/${name}`, `content of ${JSON.stringify(name)}`);
  await write(`folder "quoted" \\ and\nlined/${LONGEST_NAME}/inner`, 'inner');
  await write(`${DEEP}/bottom.txt`, HARD_TEXTS['crLf'] ?? '');
  await write('empty', '');
  await write('incompressible.jpg', incompressible(FIVE_MEGABYTES));
  await write('zeros.bin', Buffer.alloc(FIVE_MEGABYTES));
  for (let index = 0; index < 200; index++)
    await write(`many/${index % 7}/small ${index}.txt`, `small ${index}`.repeat(index));
}

/** The part of the file manager the zoo uses. */
interface FileManager {
  createFileRecord(options: { collectionName: string; filePath: string; storageName?: string }): Promise<FileRecord>;
}
interface FileRecord {
  get(name: string): unknown;
}

export interface SeededUploads {
  /** Path below the second storage's folder of the file whose record is left while it is gone from disk. */
  missing: string;
  /** How many files were uploaded, without the missing one. */
  files: number;
}

/**
 * Uploads through the file manager: attachments in the default storage and in the second, files of the zoo's own file
 * collection, one of which then vanishes from disk. The zoo's collections must exist (seedZoo).
 */
export async function seedUploads(app: Application, secondRoot: string): Promise<SeededUploads> {
  const manager = app.pm.get('file-manager') as unknown as FileManager;
  const folder = await mkdtemp(path.join(tmpdir(), 'safekeep-uploads-'));
  const upload = async (collectionName: string, name: string, content: Buffer, storageName?: string) => {
    const filePath = path.join(folder, name);
    await writeFile(filePath, content);
    return manager.createFileRecord({ collectionName, filePath, ...(storageName ? { storageName } : {}) });
  };
  try {
    const photos = [
      await upload('attachments', 'photo.png', randomBytes(100_000)),
      await upload('attachments', "it's 备份 🛟.txt", Buffer.from(HARD_TEXTS['emoji'] ?? '')),
      await upload('attachments', 'empty.bin', Buffer.alloc(0)),
      await upload('attachments', 'elsewhere.pdf', randomBytes(50_000), SECOND_STORAGE),
    ];
    const scan = await upload('zooFiles', 'scan نسخة.tiff', randomBytes(70_000));
    const lost = await upload('zooFiles', 'lost.txt', Buffer.from('lost'));
    await link(app, 'zooPeople', 'photos', photos);
    await link(app, 'zooBooks', 'scan', [scan]);
    const missing = path.posix.join(String(lost.get('path')), String(lost.get('filename')));
    await unlink(path.join(secondRoot, missing));
    return { missing, files: photos.length + 1 };
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function link(app: Application, collection: string, field: string, files: FileRecord[]): Promise<void> {
  const repository = app.db.getRepository(collection);
  const record = await repository.findOne({});
  const ids = files.map((file) => file.get('id'));
  await repository.update({ filterByTk: record.get('id'), values: { [field]: field === 'scan' ? ids[0] : ids } });
}
