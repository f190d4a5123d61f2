/** `safekeep`: the command line for when NocoBase does not start. Uses only the engine. */
import { Command, InvalidArgumentError } from 'commander';
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { RunContext } from '../engine/context';
import { driverFor } from '../engine/databases';
import type { DatabaseConnection } from '../engine/databases/driver';
import { SafekeepError, toSafekeepError } from '../engine/errors';
import { fill } from '../engine/messages';
import { JournalFile, placeOf } from '../engine/journal';
import { requireNode } from '../engine/node-version';
import { PreviousFile } from '../engine/previous';
import { recover, type Recovered } from '../engine/recovery';
import { RunHistory } from '../engine/history/run-history';
import { readEnvironment } from './environment';
import { describeState } from './status';

interface Options {
  app: string;
  back?: boolean;
}

const cli = new Command('safekeep').description('Backup and restore for NocoBase, without NocoBase.');

const command = (name: string) => cli.command(name).option('--app <name>', 'name of the app', appName, 'main');

command('status')
  .description('Shows an unfinished restore and the previous data that is kept. Changes nothing.')
  .action(async (options: Options) => {
    for (const line of await describeState(await homeOf(options))) console.log(line);
  });

command('recover')
  .description(
    'Completes or rolls back a killed restore, as the next start of the app would. ' +
      'Run it in the working folder of NocoBase, with its environment or .env, while NocoBase is stopped.',
  )
  .option('--back', 'roll the restore back even if its switchover is complete')
  .action(async (options: Options) => {
    const { journal, history, connection } = await homeOf(options);
    const driver = driverFor(connection);
    const log: RunContext['log'] = (_level, { text, params }) => console.log(fill(text, params));
    try {
      const recovered = await recover({ journal, history, driver, log }, { before: 'nothing', back: options.back });
      console.log(outcome(recovered));
    } finally {
      await driver.close();
    }
  });

/** Files and database of one app. The database of a sub-app is on the same server, in the place that its journal records. */
async function homeOf({ app }: Options) {
  requireNode();
  const { storage, connection } = readEnvironment();
  const folder = path.join(storage, 'safekeep', app);
  if (!existsSync(folder)) {
    const detail = { text: 'the folder {{folder}} does not exist', params: { folder } };
    throw new SafekeepError('ENVIRONMENT_INCOMPLETE', { detail });
  }
  const journalOf = (to: DatabaseConnection) => new JournalFile(path.join(folder, 'journal.json'), () => placeOf(to));
  const history = new RunHistory(path.join(folder, 'runs'));
  const previous = new PreviousFile(path.join(folder, 'previous.json'));
  if (app === 'main') return { journal: journalOf(connection), history, previous, connection };
  const { database, schema, storage: file } = (await journalOf(connection).read())?.place ?? {};
  const own = {
    ...connection,
    database: database || connection.database,
    schema: schema || connection.schema,
    storage: file || connection.storage,
  };
  return { journal: journalOf(own), history, previous, connection: own };
}

function outcome(recovered: Recovered | null): string {
  if (!recovered) return 'There is no unfinished restore. Nothing was changed.';
  const { runId } = recovered.journal;
  return recovered.state === 'old'
    ? `The data from before run ${runId} is live. Start NocoBase.`
    : `The data of run ${runId} is live and complete. Start NocoBase. If it fails to start, run: safekeep recover --back`;
}

/** The name becomes part of a path. */
function appName(value: string): string {
  if (!/^[A-Za-z0-9_-]+$/.test(value)) throw new InvalidArgumentError('letters, digits, “_” and “-” only');
  return value;
}

cli.parseAsync().catch((error: unknown) => {
  const { code, message, hint } = toSafekeepError(error);
  console.error(`${code}: ${message}\n${hint}`);
  process.exitCode = 1;
});
