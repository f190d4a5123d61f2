/** Recovery before a command of the host uses the data. */
import { Application } from '@nocobase/server';
import { SafekeepError } from '../../engine/errors';
import { recoverAtStart } from '../runs/recovery';
import { Safekeep } from '../safekeep';

const WAIT_MS = 1_000;

let isRegistered = false;

/**
 * Every command of every app, including `start`, first completes or rolls back a killed restore: after the app has found its
 * database, and before it reads its list of plugins.
 */
export function recoverBeforeCommands(): void {
  if (isRegistered) return;
  isRegistered = true;
  Application.addCommand((app) => {
    app.cli.hook('preAction', async (_, command) => {
      await recoverFirst(app, command.name() === 'start');
    });
  });
}

/** An app that starts waits for a restore on another node; other commands ignore that restore. */
async function recoverFirst(app: Application, isStart: boolean): Promise<void> {
  for (;;) {
    try {
      await recoverAtStart(Safekeep.of(app));
      return;
    } catch (error) {
      if (!(error instanceof SafekeepError) || error.code !== 'JOURNAL_IN_USE') throw error;
      if (!isStart) return;
      app.setMaintainingMessage(`Safekeep: ${error.message}`);
      await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
    }
  }
}
