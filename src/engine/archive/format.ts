/**
 * The constants of archive format 1. This file is a contract: existing archives depend on every line of it
 * (see docs/archive-format.md).
 */
export const FORMAT = 1;
export const ARCHIVE_EXTENSION = '.safekeep.zip';
export const PARTIAL_EXTENSION = '.partial';
export const SIDECAR_EXTENSION = '.json';

export const MANIFEST_ENTRY = 'manifest.json';
export const ENTRIES_ENTRY = 'entries.jsonl';
export const DATABASE_PREFIX = 'database/';
export const FILES_PREFIX = 'files/';
/** Extension of an entry that is a zstd stream; without it the ZIP container compresses. */
export const ZSTD_EXTENSION = '.zst';

/**
 * The seal: the ZIP archive's comment is this text and 64 hex digits, the sha256 of every byte of the file before
 * those digits. One sequential read shows whether the file is intact.
 */
export const SEAL_TEXT = 'safekeep seal sha256 ';
export const SEAL_DIGITS = 64;

const NAME = /^([A-Za-z0-9_-]{1,64})_(\d{8}T\d{6}Z)_([a-z]{6})$/;

/** `<app>_<UTC yyyymmddThhmmssZ>_<6 letters>`; any other character of the app's name becomes a dash. */
export function backupName(app: string, at: Date, randomLetters: string): string {
  const stamp = at.toISOString().replace(/[-:]/g, '').replace(/\.\d+/, '');
  return `${app.replace(/[^A-Za-z0-9_-]/g, '-').slice(0, 64) || 'app'}_${stamp}_${randomLetters}`;
}

/** True for a name of the form that `backupName` makes; only such names are ever joined to a folder. */
export function isBackupName(name: string): boolean {
  return NAME.test(name);
}

/**
 * File names as ZIP entry names: '%', backslash and control characters are percent-encoded, so that every name a file
 * system allows survives every ZIP tool. '/' separates folders.
 */
export function encodeEntryPath(relativePath: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  return relativePath.replace(/[%\\\u0000-\u001f\u007f]/g, (char) => {
    return `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
  });
}

/** The inverse of encodeEntryPath. */
export function decodeEntryPath(entryPath: string): string {
  return entryPath.replace(/%([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
}

/**
 * True when a decoded path stays below its folder on every system: relative, no '.' or '..' or empty segment, no NUL.
 * Backslashes are plain characters on POSIX and refused on Windows.
 */
export function isSafeRelativePath(relativePath: string): boolean {
  if (relativePath === '' || relativePath.includes('\0')) return false;
  const segments = relativePath.split('/');
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..')) return false;
  if (process.platform === 'win32') return !/[\\:*?"<>|]/.test(relativePath);
  return true;
}
