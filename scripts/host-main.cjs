/** The NocoBase process: prepares the environment as the host's own launcher does, then runs the given command. */
const launcher = require('@nocobase/cli-v1/src/util');
const { syncPluginSymlinks } = require('@nocobase/utils/plugin-symlink');

const EXIT_AFTER_MS = 10_000;

/** Stops the host when the launcher is gone, for whatever reason. */
function endWithLauncher() {
  if (!process.channel) return;
  process.on('disconnect', () => {
    process.kill(process.pid, 'SIGTERM');
    setTimeout(() => process.exit(1), EXIT_AFTER_MS).unref();
  });
  process.channel.unref();
}

async function main() {
  launcher.initEnv();
  launcher.buildIndexHtml();
  // Before anything is loaded: Node.js remembers packages that it did not find.
  await syncPluginSymlinks();
  endWithLauncher();
  require('@nocobase/app');
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
