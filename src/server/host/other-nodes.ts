/** Other nodes of a cluster, notified by the host's sync messages, where it has an adapter for them. */
import type { Application } from '@nocobase/server';
import { PLUGIN_NAME } from '../../shared/api';

/** A switchover is about to begin or has ended: stop using the data, then load the live data. */
export const SWITCHOVER_MESSAGE = { type: 'safekeep:switchover' };

/** Nodes that miss the message lose their connections by the switchover itself. */
export async function notifyOtherNodes(app: Application): Promise<void> {
  try {
    await app.syncMessageManager.publish(PLUGIN_NAME, SWITCHOVER_MESSAGE);
  } catch (error) {
    app.log.warn(`Safekeep: cannot notify other nodes: ${(error as Error).message}`);
  }
}
