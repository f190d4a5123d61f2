import { execFileSync } from 'node:child_process';

/** The ids to run a server with when we are root and it refuses root; null when we are someone else already. */
export function systemUser(name: string): { uid: number; gid: number } | null {
  if (process.getuid?.() !== 0) return null;
  const id = (flag: string) => Number(execFileSync('id', [flag, name], { encoding: 'utf8' }).trim());
  return { uid: id('-u'), gid: id('-g') };
}
