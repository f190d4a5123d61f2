/**
 * `npm test`: installs the software that the tests need, builds, runs all tests and ends with their counts.
 * Arguments are passed to vitest: `npm test -- tests/integration/app-support.test.ts`.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { root } from './project.mjs';

/** Software that the tests run besides Node.js, and its Debian packages. */
const needed = [
  { programs: ['initdb'], packages: ['postgresql-15'] },
  { programs: ['pg_dump'], packages: ['postgresql-client-15'] },
  { programs: ['mariadbd'], packages: ['mariadb-server'] },
  { programs: ['mariadb-dump'], packages: ['mariadb-client'] },
  { programs: ['chromium', 'chromium-browser', 'google-chrome'], packages: ['chromium', 'fonts-noto-cjk'] },
  { programs: ['unzip'], packages: ['unzip'] },
];

const report = path.join(root, '.test/report.json');

function isInstalled(program) {
  const versions = '/usr/lib/postgresql';
  const postgres = existsSync(versions)
    ? readdirSync(versions).map((version) => path.join(versions, version, 'bin'))
    : [];
  const folders = [...process.env.PATH.split(path.delimiter), '/usr/sbin', '/usr/local/sbin', ...postgres];
  return folders.some((folder) => {
    try {
      accessSync(path.join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false; // Not in this folder.
    }
  });
}

const missingPackages = () =>
  needed.filter(({ programs }) => !programs.some(isInstalled)).flatMap(({ packages }) => packages);

function run(program, args, env = {}) {
  return spawnSync(program, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } }).status ?? 1;
}

/** Installs missing packages on Debian as root; elsewhere lists them. */
function installMissing() {
  const missing = missingPackages();
  if (missing.length === 0) return;
  const mayInstall = existsSync('/etc/debian_version') && process.getuid?.() === 0;
  if (mayInstall) {
    console.log(`Installing ${missing.join(', ')}`);
    const quiet = { DEBIAN_FRONTEND: 'noninteractive' };
    run('apt-get', ['update', '-qq'], quiet);
    run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing], quiet);
  }
  const still = missingPackages();
  if (still.length === 0) return;
  console.error(`The tests need software that is missing here. On Debian: apt-get install ${still.join(' ')}`);
  process.exit(1);
}

/** Runs vitest and passes its output on; the counts come from its report. */
function runTests(args) {
  mkdirSync(path.dirname(report), { recursive: true });
  rmSync(report, { force: true });
  const vitest = path.join(root, 'node_modules/vitest/vitest.mjs');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const status = run(process.execPath, [vitest, 'run', ...reporters, ...args]);
  if (!existsSync(report)) {
    console.error('The test runner wrote no report.');
    process.exit(status || 1);
  }
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = JSON.parse(
    readFileSync(report, 'utf8'),
  );
  // A file that fails before its first test counts as one failure: the runner lists it without tests.
  const brokenFiles = testResults.filter(
    ({ status: s, assertionResults }) => s === 'failed' && !assertionResults.length,
  );
  return {
    status,
    passed: numPassedTests,
    failed: numFailedTests + brokenFiles.length,
    skipped: numPendingTests + numTodoTests,
  };
}

installMissing();
const built = run(process.execPath, [path.join(root, 'scripts/build.mjs')]);
if (built !== 0) process.exit(built);
const { status, passed, failed, skipped } = runTests(process.argv.slice(2));
const wasSkippedInCi = Boolean(process.env.CI) && skipped > 0;
if (wasSkippedInCi) console.error('In CI, skipped tests are failures.');
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
// The runner's exit status stands; a failure that only the report lists is still a failure.
process.exitCode = status || (failed > 0 || wasSkippedInCi ? 1 : 0);
