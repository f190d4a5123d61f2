import type { Application } from '@nocobase/server';
import { z } from 'zod';
import type { Settings } from '../shared/api';
import { SETTINGS } from './catalog/collections';
import { putRow } from './catalog/put-row';

export const settingsSchema = z.object({
  maxBackups: z.number().int().min(0).max(10_000),
  defaultContents: z.array(z.enum(['database', 'files'])).min(1),
  undoHours: z.number().int().min(0).max(8760),
});

export const DEFAULT_SETTINGS: Settings = { maxBackups: 30, defaultContents: ['database', 'files'], undoHours: 72 };

/** There is one row, number 1. */
const KEY = 1;

export async function readSettings(app: Application): Promise<Settings> {
  const row = await app.db.getRepository(SETTINGS).findOne({ filterByTk: KEY });
  const parsed = settingsSchema.safeParse(row?.toJSON());
  return parsed.success ? parsed.data : DEFAULT_SETTINGS;
}

export async function writeSettings(app: Application, change: Partial<Settings>): Promise<Settings> {
  const settings = settingsSchema.parse({ ...(await readSettings(app)), ...change });
  await putRow(app.db, SETTINGS, KEY, settings);
  return settings;
}
