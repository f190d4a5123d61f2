import semver from 'semver';
import { SafekeepError } from './errors';

/** zlib.crc32, and streams that sync a file before they close it. Also in package.json. */
export const MIN_NODE = '20.15.0';

/** @throws NODE_TOO_OLD */
export function requireNode(version = process.versions.node): void {
  if (semver.gte(version, MIN_NODE)) return;
  throw new SafekeepError('NODE_TOO_OLD', { needed: MIN_NODE, version });
}
