/** Notifications about a run in progress. */
import type { RunRecord } from '../../engine/history/record';
import { RUN_MESSAGE } from '../../shared/api';
import { maintenanceText } from '../../shared/maintenance';
import type { RunView } from '../../shared/runs';
import { runView } from '../api/views';
import type { Safekeep } from '../safekeep';

/** Sends a message to the user who started the run, and shows the step in the maintenance dialog; all other pages poll. */
export function notify({ app, control, runs }: Safekeep, record: RunRecord): void {
  control.maintenanceText(maintenanceText(record));
  // Any message clears the host's maintenance dialog.
  if (app.getMaintaining()?.status === 'command_running' || record.userId === null) return;
  const isCancelling = runs.active?.record.id === record.id && runs.active.isCancelling;
  const payload: RunView = runView(record, { translate: (sentence) => sentence, isCancelling, undo: null });
  app.emit('ws:sendToUser', { userId: record.userId, message: { type: RUN_MESSAGE, payload } });
}
