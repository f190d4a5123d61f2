/**
 * Indexes for lists. The source of truth is in files (sidecars of the archives, records of the runs), so the rows of the first
 * two are in no backup and are rebuilt after a restore.
 */
import type { CollectionOptions } from '@nocobase/database';
import { PLUGIN_NAME } from '../../shared/api';

export const BACKUPS = 'safekeepBackups';
export const RUNS = 'safekeepRuns';
export const SETTINGS = 'safekeepSettings';

const common = {
  origin: PLUGIN_NAME,
  hidden: true,
  autoGenId: false,
  timestamps: false,
  migrationRules: ['schema-only'],
};

export const collections: CollectionOptions[] = [
  {
    ...common,
    name: BACKUPS,
    dataCategory: 'runtime',
    fields: [
      { name: 'name', type: 'string', primaryKey: true },
      { name: 'status', type: 'string' },
      { name: 'trigger', type: 'string' },
      { name: 'contents', type: 'json' },
      { name: 'note', type: 'text' },
      { name: 'isProtected', type: 'boolean' },
      { name: 'startedAt', type: 'date' },
      { name: 'finishedAt', type: 'date' },
      { name: 'durationMs', type: 'bigInt' },
      { name: 'bytes', type: 'bigInt' },
      { name: 'sha256', type: 'string' },
      { name: 'runId', type: 'string' },
      { name: 'warnings', type: 'integer' },
      { name: 'error', type: 'json' },
      { name: 'startedBy', type: 'string' },
      { name: 'appVersion', type: 'string' },
      { name: 'dialect', type: 'string' },
      { name: 'destinations', type: 'json' },
      { name: 'verified', type: 'json' },
    ],
  },
  {
    ...common,
    name: RUNS,
    dataCategory: 'runtime',
    fields: [
      { name: 'id', type: 'string', primaryKey: true },
      { name: 'kind', type: 'string' },
      { name: 'status', type: 'string' },
      { name: 'step', type: 'string' },
      { name: 'steps', type: 'json' },
      { name: 'percent', type: 'integer' },
      { name: 'startedAt', type: 'date' },
      { name: 'finishedAt', type: 'date' },
      { name: 'backupName', type: 'string' },
      { name: 'backupAt', type: 'string' },
      { name: 'uploadId', type: 'string' },
      { name: 'uploadName', type: 'string' },
      { name: 'contents', type: 'json' },
      { name: 'note', type: 'text' },
      { name: 'trigger', type: 'string' },
      { name: 'warnings', type: 'integer' },
      { name: 'error', type: 'json' },
      { name: 'startedBy', type: 'string' },
      { name: 'undoOf', type: 'string' },
      { name: 'direction', type: 'string' },
    ],
  },
  {
    ...common,
    name: SETTINGS,
    dataCategory: 'system',
    migrationRules: ['overwrite', 'schema-only'],
    fields: [
      { name: 'id', type: 'integer', primaryKey: true },
      { name: 'maxBackups', type: 'integer' },
      { name: 'defaultContents', type: 'json' },
      { name: 'undoHours', type: 'integer' },
    ],
  },
];
