import { chmod, readdir } from 'node:fs/promises';
import path from 'node:path';

/** Gives the owner of folders the permissions to remove their contents. */
export async function makeRemovable(folder: string | Buffer): Promise<void> {
  await chmod(folder, 0o700).catch(() => undefined);
  for (const entry of await readdir(folder, { withFileTypes: true, encoding: 'buffer' })) {
    // The types of Node.js 20 declare names as text only.
    const name = entry.name as unknown as Buffer;
    if (entry.isDirectory()) {
      await makeRemovable(Buffer.concat([Buffer.from(folder), Buffer.from(path.sep), name]));
    }
  }
}
