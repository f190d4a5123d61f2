import type { SettingsAnswer } from '../../shared/api';
import { readSettings, settingsSchema, writeSettings } from '../settings';
import { tell, type Translate } from './views';
import type { ToolReport } from '../../engine/databases/driver';
import type { Safekeep } from '../safekeep';
import { type Action, action, inputOf, parse } from './respond';

export const settingsActions: Record<string, Action> = {
  get: action(async ({ safekeep, translate }) => await answer(safekeep, translate)),

  update: action(async ({ safekeep, translate, ctx }) => {
    await writeSettings(safekeep.app, parse(settingsSchema.partial(), inputOf(ctx)));
    return await answer(safekeep, translate);
  }),
};

async function answer(safekeep: Safekeep, translate: Translate): Promise<SettingsAnswer> {
  const driver = safekeep.driver();
  try {
    const tools = await driver.tools();
    return {
      ...(await readSettings(safekeep.app)),
      folder: safekeep.destination.folder,
      freeBytes: await safekeep.destination.freeBytes(),
      tools: tools.map((tool) => toolView(tool, translate)),
    };
  } finally {
    await driver.close();
  }
}

function toolView(tool: ToolReport, translate: Translate): SettingsAnswer['tools'][number] {
  const detail = tool.path ? `${tool.version ?? ''} (${tool.path})` : '–';
  const remedy = { text: 'Install it with: {{install}}', params: { install: tool.install } };
  return {
    name: tool.name,
    status: tool.status === 'ok' ? 'ok' : 'blocking',
    detail,
    remedy: tool.status === 'ok' ? '' : tell(remedy, translate),
  };
}
