import type { ToolReport } from '../../engine/databases/driver';
import type { SettingsAnswer, ToolsAnswer } from '../../shared/api';
import type { Safekeep } from '../safekeep';
import { readSettings, settingsSchema, writeSettings } from '../settings';
import { action, type Action, inputOf, parse, readAction } from './respond';
import { translated, type Translate } from './views';

export const settingsActions: Record<string, Action> = {
  get: readAction(async ({ safekeep }) => await answer(safekeep)),

  update: action(async ({ safekeep, ctx }) => {
    await writeSettings(safekeep.app, parse(settingsSchema.partial(), inputOf(ctx)));
    return await answer(safekeep);
  }),

  /** Runs every client tool once to find out its version. */
  tools: action(async ({ safekeep, translate }): Promise<ToolsAnswer> => {
    const driver = safekeep.driver();
    try {
      return { tools: (await driver.tools()).map((tool) => toolView(tool, translate)) };
    } finally {
      await driver.close();
    }
  }),
};

async function answer({ app, destination }: Safekeep): Promise<SettingsAnswer> {
  return { ...(await readSettings(app)), folder: destination.folder, freeBytes: await destination.freeBytes() };
}

function toolView(tool: ToolReport, translate: Translate): ToolsAnswer['tools'][number] {
  const detail = tool.path ? `${tool.version ?? ''} (${tool.path})` : '–';
  const remedy = { text: 'Install it with: {{install}}', params: { install: tool.install } };
  return {
    name: tool.name,
    status: tool.status === 'ok' ? 'ok' : 'blocking',
    detail,
    remedy: tool.status === 'ok' ? '' : translated(remedy, translate),
  };
}
