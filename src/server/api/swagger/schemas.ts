/** Shapes of the HTTP API (src/shared) as OpenAPI schemas. Names have a prefix: the host merges those of all plugins. */
import { ERRORS } from '../../../engine/errors';
import { FINAL_STATUSES } from '../../../shared/runs';

export type Schema = Record<string, unknown>;

export const ref = (name: string): Schema => ({ $ref: `#/components/schemas/Safekeep${name}` });
const described = (type: string, description: string, more: Schema): Schema => {
  return { type, ...(description && { description }), ...more };
};
export const text = (description = '', more: Schema = {}) => described('string', description, more);
export const count = (description = '', more: Schema = {}) => described('integer', description, more);
export const list = (items: Schema, description = '') => described('array', description, { items });
export const object = (properties: Record<string, Schema>, required = Object.keys(properties)): Schema => {
  return { type: 'object', properties, ...(required.length > 0 && { required }) };
};
const orNull = (schema: Schema): Schema => ({ ...schema, nullable: true });
const refOrNull = (name: string): Schema => ({ nullable: true, allOf: [ref(name)] });
export const yes = (description = '') => described('boolean', description, {});
export const time = (description = '') => text(description, { format: 'date-time' });

const status = text('', { enum: ['pending', 'running', ...FINAL_STATUSES] });
const trigger = text('', { enum: ['manual', 'schedule', 'api', 'cli', 'pre-restore', 'upload'] });
const content = text('', { enum: ['database', 'files'] });

export const contents = { ...list(content, 'Parts of the app.'), minItems: 1 };
export const note = text('', { maxLength: 500 });

const error = object({
  code: text('For machines.', { enum: Object.keys(ERRORS) }),
  message: text('In the language of the request.'),
  hint: text('The way out, in the language of the request.'),
  params: { type: 'object', description: 'What the message was filled with.', additionalProperties: true },
});

const run = object({
  id: text('', { example: '20261120T104448Z-ddpdzt' }),
  kind: text('', { enum: ['backup', 'restore', 'undo', 'verify', 'prune'] }),
  status,
  step: text('The step under way, or the last one.'),
  progress: object({
    done: count(),
    total: count('0 while it is not known.'),
    unit: text('', { enum: ['bytes', 'rows', 'files', 'steps'] }),
  }),
  percent: count('0 to 100 over all steps.'),
  startedAt: time(),
  finishedAt: orNull(time()),
  backupName: orNull(text('The backup that the run makes or reads.')),
  uploadId: orNull(text('Set when a restore read an uploaded file.')),
  note: text(),
  trigger,
  warnings: count('Warnings in the log.'),
  error: refOrNull('Error'),
  startedBy: orNull(text('Nickname of the user.')),
  undoUntil: orNull(time('Restores and undos: until then the state before is kept and can be brought back.')),
  direction: orNull(
    text('Undos: undo brought back the state before a restore, redo the restored one again.', {
      enum: ['undo', 'redo'],
    }),
  ),
});

const backupProperties = {
  name: text('', { example: 'main_20261120T104448Z_omqidc' }),
  status,
  trigger,
  contents,
  note,
  isProtected: yes('Never deleted by the limit on the number of backups.'),
  startedAt: time(),
  finishedAt: orNull(time()),
  durationMs: orNull(count('Milliseconds.')),
  bytes: orNull(count('Size of the archive.')),
  sha256: orNull(text('Hex, of the whole archive.')),
  runId: orNull(text('The run that made it.')),
  warnings: count(),
  error: refOrNull('Error'),
  startedBy: orNull(text()),
  appVersion: text('Version of NocoBase.'),
  dialect: orNull(text('', { enum: ['postgres', 'mysql', 'mariadb', 'sqlite'] })),
  destinations: list(text(), "Where it is kept; 'local' is the folder on this server."),
  verified: refOrNull('Verified'),
  run: refOrNull('Run'),
};

const verified = object({
  at: time(),
  runId: text('The run that verified it.'),
  result: text(
    'restorable: loaded into a scratch database and counted; bytes only: every byte is right, but the database could ' +
      'not be loaded here; failed: damaged, or it can not be loaded.',
    { enum: ['restorable', 'bytes only', 'failed'] },
  ),
  detail: text('What was proven or what is wrong, in the language of the request.'),
});

const check = object({
  code: text('For example dialect, schema, appVersion, plugins, keys, freeSpace, tools, strategy.'),
  status: text('', { enum: ['ok', 'warning', 'blocking'] }),
  backup: text('What the backup has.'),
  current: text('What this app has.'),
  remedy: text('What to do about it.'),
});

const settings = {
  maxBackups: count('Keep at most this many good backups, pinned ones aside. 0: no limit.', {
    minimum: 0,
    maximum: 10_000,
  }),
  defaultContents: contents,
  undoHours: count('Hours for which the state before a restore is kept.', { minimum: 0, maximum: 8760 }),
};

export const schemas: Record<string, Schema> = {
  SafekeepError: error,
  SafekeepErrors: object({ errors: list(ref('Error')) }),
  SafekeepHostErrors: object({ errors: list(object({ message: text(), code: text() }, ['message'])) }),
  SafekeepMaintenance: object({
    error: object({
      status: count(),
      maintaining: yes(),
      message: text('What the app does at the moment.'),
      code: text('', { example: 'APP_COMMANDING' }),
    }),
  }),
  SafekeepPage: object({ count: count('Rows in all.'), page: count(), pageSize: count(), totalPage: count() }),
  SafekeepRun: run,
  SafekeepRunStarted: object({ runId: text() }),
  SafekeepRunLog: object({
    lines: list(
      object({
        at: time(),
        level: text('', { enum: ['info', 'warn', 'error'] }),
        step: text(),
        message: text(),
      }),
    ),
    nextOffset: count('Offset for the next call.'),
  }),
  SafekeepVerified: verified,
  SafekeepBackup: object(backupProperties),
  SafekeepBackupDetails: object({ ...backupProperties, manifest: refOrNull('Manifest') }),
  SafekeepManifest: {
    type: 'object',
    description: 'What the archive says about itself; docs/archive-format.md lists every field.',
    additionalProperties: true,
  },
  SafekeepSource: object(
    {
      name: text('A backup of the list; or'),
      uploadId: text('a finished upload.'),
      contents,
    },
    [],
  ),
  SafekeepRestore: object(
    {
      name: text('A backup of the list; or'),
      uploadId: text('a finished upload.'),
      contents,
      filesMode: text('mirror: the folders become as they were; merge: files added since are kept.', {
        enum: ['mirror', 'merge'],
        default: 'mirror',
      }),
      acceptWarnings: list(
        text(),
        'Codes of the warnings that inspect shows; one that is not named refuses the restore.',
      ),
    },
    [],
  ),
  SafekeepInspection: object({
    manifest: ref('Manifest'),
    checks: list(check),
    restorable: yes('True when nothing blocks.'),
    plan: object({
      databaseStrategy: orNull(text('', { enum: ['database', 'schema', 'objects', 'tables', 'names', 'file'] })),
      summary: text('What will happen.'),
      downtime: text('How long the app will be away.'),
      extraBytes: count('Disk needed while the restore runs.'),
      undoHours: count('For how long the previous data is kept; 0: not at all.'),
      sharedFolders: list(
        object({ folder: text(), apps: list(text(), 'Apps that may have files there too.') }),
        'Folders of uploads in which only files move that records of this app name.',
      ),
    }),
    appName: text('The app that would be overwritten.'),
  }),
  SafekeepSettings: object(settings, []),
  SafekeepSettingsAnswer: object({
    ...settings,
    folder: text('The folder on the server that keeps the archives.'),
    freeBytes: count(),
    tools: list(
      object({
        name: text('', { example: 'pg_dump' }),
        status: text('', { enum: ['ok', 'warning', 'blocking'] }),
        detail: text('Version and path.'),
        remedy: text('How to install it.'),
      }),
    ),
  }),
};
