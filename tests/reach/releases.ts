/** Debian releases in folders of their own, from which other versions of the servers and their clients run. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

/** Where the releases are kept for the next time. */
export const REACH_FOLDER = path.resolve(
  process.env['SAFEKEEP_REACH_FOLDER'] ?? path.join(os.tmpdir(), 'safekeep-reach'),
);

const MIRROR = 'http://deb.debian.org/debian';

/** A release, unpacked. */
export interface Release {
  root: string;
  /** A program of the release as a script that runs it outside of the folder, so that it sees this machine's files. */
  wrapper(program: string): string;
}

/** Absolute paths within the release that have to be there. */
export interface Wanted {
  suite: string;
  packages: string[];
  programs: string[];
}

/** Unpacks a release and installs what is missing; takes minutes the first time. @throws Error that names what is missing */
export async function releaseWith({ suite, packages, programs }: Wanted): Promise<Release> {
  const root = path.join(REACH_FOLDER, suite);
  const missing = () => programs.filter((program) => !existsSync(path.join(root, program)));
  if (missing().length > 0) {
    await requireTools(suite);
    mkdirSync(REACH_FOLDER, { recursive: true });
    if (!existsSync(path.join(root, 'usr/bin/apt-get')))
      await run('debootstrap', ['--variant=minbase', suite, root, MIRROR]);
    await install(root, packages);
    if (missing().length > 0)
      throw new Error(`${missing().join(', ')} is not in ${root} after ${packages.join(' ')} was installed`);
  }
  return { root, wrapper: (program) => wrapperFor(root, program) };
}

async function requireTools(suite: string): Promise<void> {
  const why = `Debian ${suite} is not in ${REACH_FOLDER} and cannot be put there`;
  if (process.getuid?.() !== 0) throw new Error(`${why}: only root can; run this as root.`);
  try {
    await promisify(execFile)('debootstrap', ['--version']);
  } catch {
    throw new Error(`${why}: debootstrap is missing. Install it with: apt-get install debootstrap`);
  }
}

async function install(root: string, packages: string[]): Promise<void> {
  // No server starts by itself.
  writeFileSync(path.join(root, 'usr/sbin/policy-rc.d'), '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  const proc = path.join(root, 'proc');
  await run('mount', ['-t', 'proc', 'proc', proc]);
  try {
    await run('chroot', [root, 'apt-get', 'update']);
    await run('chroot', [root, 'apt-get', 'install', '-y', '--no-install-recommends', ...packages]);
  } finally {
    await run('umount', [proc]);
  }
}

async function run(program: string, args: string[]): Promise<void> {
  process.stdout.write(`${program} ${args.join(' ')}\n`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' };
  try {
    await promisify(execFile)(program, args, { env, maxBuffer: 1 << 28 });
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`${program} ${args[0] ?? ''} failed:\n${(stdout + stderr).slice(-2000)}`, { cause: error });
  }
}

/** Through the release's own loader and libraries. */
function wrapperFor(root: string, program: string): string {
  const [triplet] = readdirSync(path.join(root, 'usr/lib')).filter((name) => /-linux-gnu$/.test(name));
  if (triplet === undefined) throw new Error(`${root} holds no libraries`);
  const folder = path.join(root, 'lib', triplet);
  const loader = readdirSync(folder).find((name) => /^ld-(?:linux.*\.so\.\d|[\d.]+\.so)$/.test(name));
  if (loader === undefined) throw new Error(`${folder} holds no loader`);
  const libraries = [path.join(root, 'usr/lib', triplet), folder].join(':');
  return `#!/bin/sh\nexec ${path.join(folder, loader)} --library-path ${libraries} ${path.join(root, program)} "$@"\n`;
}

/** Numeric id of a user within a release. */
export function userIn(root: string, name: string): { uid: number; gid: number } {
  const line = readFileSync(path.join(root, 'etc/passwd'), 'utf8')
    .split('\n')
    .find((each) => each.startsWith(`${name}:`));
  const [, , uid, gid] = line?.split(':') ?? [];
  if (uid === undefined || gid === undefined) throw new Error(`${root} has no user ${name}`);
  return { uid: Number(uid), gid: Number(gid) };
}
