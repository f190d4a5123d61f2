/** The NocoBase process: prepares the environment as the host's own launcher does, then runs the command given. */
const { createRequire } = require('node:module');
const path = require('node:path');

const EXIT_AFTER_MS = 10_000;

/** A launcher that is gone, however it went, takes the host with it. */
function endWithLauncher() {
  if (!process.channel) return;
  process.on('disconnect', () => {
    process.kill(process.pid, 'SIGTERM');
    setTimeout(() => process.exit(1), EXIT_AFTER_MS).unref();
  });
  process.channel.unref();
}

async function main() {
  const requireFromHost = createRequire(path.join(process.env.NODE_MODULES_PATH, 'index.js'));
  const launcher = requireFromHost('@nocobase/cli-v1/src/util');
  launcher.initEnv();
  launcher.generateAppDir();
  await requireFromHost('@nocobase/utils/plugin-symlink').syncPluginSymlinks();
  endWithLauncher();
  requireFromHost(path.join(process.env.APP_PACKAGE_ROOT, 'lib/index.js'));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
