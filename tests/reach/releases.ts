/** Debian releases in folders of their own, from which other versions of the servers and their clients run. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

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

/** Unpacks a release and installs what is missing; takes minutes the first time. @throws Error that says what is missing */
export function releaseWith({ suite, packages, programs }: Wanted): Release {
  const root = path.join(REACH_FOLDER, suite);
  const missing = () => programs.filter((program) => !existsSync(path.join(root, program)));
  if (missing().length > 0) {
    requireTools(suite);
    mkdirSync(REACH_FOLDER, { recursive: true });
    if (!existsSync(path.join(root, 'usr/bin/apt-get'))) run('debootstrap', ['--variant=minbase', suite, root, MIRROR]);
    install(root, packages);
    if (missing().length > 0)
      throw new Error(`${missing().join(', ')} is not in ${root} after ${packages.join(' ')} was installed`);
  }
  return { root, wrapper: (program) => wrapperFor(root, program) };
}

function requireTools(suite: string): void {
  const why = `Debian ${suite} is not in ${REACH_FOLDER} and cannot be put there`;
  if (process.getuid?.() !== 0) throw new Error(`${why}: only root can; run this as root.`);
  try {
    execFileSync('debootstrap', ['--version'], { stdio: 'ignore' });
  } catch {
    throw new Error(`${why}: debootstrap is missing. Install it with: apt-get install debootstrap`);
  }
}

function install(root: string, packages: string[]): void {
  // No server starts by itself.
  writeFileSync(path.join(root, 'usr/sbin/policy-rc.d'), '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  const proc = path.join(root, 'proc');
  run('mount', ['-t', 'proc', 'proc', proc]);
  try {
    run('chroot', [root, 'apt-get', 'update']);
    run('chroot', [root, 'apt-get', 'install', '-y', '--no-install-recommends', ...packages]);
  } finally {
    run('umount', [proc]);
  }
}

function run(program: string, args: string[]): void {
  process.stdout.write(`${program} ${args.join(' ')}\n`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' };
  try {
    execFileSync(program, args, { env, encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'pipe'] });
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
