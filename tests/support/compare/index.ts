export { connect, isMysqlFamily, quote, type RawConnection, type Row, withConnection } from './connection';
export { differences, expectSame, expectSameFiles } from './expect-same';
export { fingerprint, type Fingerprint, type FingerprintOptions } from './fingerprint';
export { fingerprintFolder, type FolderFingerprint } from './folder';
