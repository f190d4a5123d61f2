/** MySQL and MariaDB: SQL dumps by the server's own client; a switchover moves all tables in one statement (docs/architecture.md). */
import type { DatabaseConnection, DatabaseDriver } from '../driver';
import { describeMysql } from './catalog';
import { toolsFor } from './client';
import { withMysql } from './connection';
import { dumpMysql } from './dump';
import { layoutOf } from './layout';
import { countRows, liveFileRecords } from './live-rows';
import { planMysql, removeProbes } from './plan';
import { dropSlots, positionIn, refuseHalfway } from './slots';
import { takeOver } from './sessions';
import { objectsOf, sourceOf } from './source';
import { checkMysql, stageMysql } from './stage';
import { bringLive } from './switchover';

/**
 * Driver for both dialects; the server's version string identifies the flavour. The driver opens sessions of its own and keeps
 * none between calls.
 */
export function createMysqlDriver(connection: DatabaseConnection): DatabaseDriver {
  return {
    dialect: connection.dialect,
    describe: async (scope, inactive) => {
      const source = await sourceOf(connection, inactive);
      return await withMysql(source.connection, async (session) =>
        describeMysql(session, connection, scope, (await objectsOf(session, source)).own),
      );
    },
    tools: async () => {
      const { dump, load } = await withMysql(connection, (session) => toolsFor(session.server));
      return [dump, load];
    },
    dump: (scope, run, inactive) => dumpMysql(connection, scope, run, inactive),
    fileRecords: (scope) => liveFileRecords(connection, scope),
    countRows: (tables, limitMs) => withMysql(connection, (session) => countRows(session, tables, limitMs)),
    // The server has disks of its own.
    inactiveBytes: async () => null,
    plan: (id, backup, _scope, purpose = 'restore') =>
      withMysql(connection, (session) => planMysql(id, backup, purpose, connection, session)),
    stage: (plan, backup, openPart, run) => stageMysql(plan, backup, openPart, connection, run),
    check: (plan, backup, run) => checkMysql(plan, backup, connection, run),
    switchOver: (plan, run) => bringLive('after', plan, connection, run),
    switchBack: (plan, run) => bringLive('before', plan, connection, run),
    position: (plan) =>
      withMysql(connection, async (session) => {
        await takeOver(session, plan.id);
        return await positionIn(session, layoutOf(session, plan));
      }),
    discard: (plan) =>
      withMysql(connection, async (session) => {
        await takeOver(session, plan.id);
        const layout = layoutOf(session, plan);
        await refuseHalfway(session, layout);
        await dropSlots(session, layout);
      }),
    removeLeftovers: () => withMysql(connection, removeProbes),
    close: async () => undefined,
  };
}
