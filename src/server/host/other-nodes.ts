/** Other nodes of a cluster, reached by the host's sync messages; where it has no adapter for them there are none. */
import type { Application } from '@nocobase/server';
import { PLUGIN_NAME } from '../../shared/api';

/** The data is about to be exchanged, or has been: stop working with it, and load what is live then. */
export const SWITCHOVER_MESSAGE = { type: 'safekeep:switchover' };

/** Those that do not hear it lose their connections by the switch itself. */
export async function notifyOtherNodes(app: Application): Promise<void> {
  try {
    await app.syncMessageManager.publish(PLUGIN_NAME, SWITCHOVER_MESSAGE);
  } catch (error) {
    app.log.warn(`Safekeep: other nodes were not reached: ${(error as Error).message}`);
  }
}
