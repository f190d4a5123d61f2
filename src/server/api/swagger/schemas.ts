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
  message: text('What happened, in the language of the request.'),
  hint: text('What to do, in the language of the request.'),
  params: { type: 'object', description: 'Parameters of the message.', additionalProperties: true },
});

const run = object({
  id: text('', { example: '20261120T104448Z-ddpdzt' }),
  kind: text('', { enum: ['backup', 'restore', 'undo', 'verify', 'prune'] }),
  status,
  step: text('The step in progress, or the last one.'),
  steps: list(text(), 'Steps begun so far, in order.'),
  cancelling: yes('Cancelled, and still cleaning up.'),
  progress: object({
    done: count(),
    total: count('0 while unknown.'),
    unit: text('', { enum: ['bytes', 'rows', 'files', 'steps'] }),
  }),
  percent: count('0 to 100 over all steps.'),
  startedAt: time(),
  finishedAt: orNull(time()),
  backupName: orNull(text('The backup that the run makes or reads.')),
  backupAt: orNull(time('When that backup was made.')),
  uploadId: orNull(text('Set when a restore read an uploaded file.')),
  uploadName: orNull(text('Name of that file.')),
  contents,
  note: text(),
  trigger,
  warnings: count('Warnings in the log.'),
  error: refOrNull('Error'),
  startedBy: orNull(text('Nickname of the user.')),
  undo: {
    nullable: true,
    description: 'Until when the data that the run replaced can be brought back, or since when and why it cannot.',
    ...object(
      {
        state: text('', { enum: ['available', 'live again', 'expired', 'discarded', 'not kept'] }),
        until: time('Set while it is available.'),
        at: time('Set once it is not.'),
      },
      ['state'],
    ),
  },
  undoOf: orNull(text('Undos: the run whose previous data was brought back.')),
  direction: orNull(
    text('Undos: undo brought back the data from before a restore, redo the restored data again.', {
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
  live: refOrNull('LiveOrigin'),
};

const verified = object({
  at: time(),
  runId: text('The run that verified it.'),
  result: text(
    'restorable: loaded into a temporary database, row counts match; bytes only: all checksums match, but the database was ' +
      'not loaded here; failed: the backup is damaged or cannot be loaded.',
    { enum: ['restorable', 'bytes only', 'failed'] },
  ),
  detail: text('What was checked or what is wrong, in the language of the request.'),
});

const check = object({
  code: text('For example archive, dialect, schema, appVersion, plugins, keys, freeSpace, tools, strategy.'),
  status: text('', { enum: ['ok', 'warning', 'blocking'] }),
  backup: text('Facts of the backup.'),
  current: text('Facts of this app.'),
  remedy: text('The fix for the problem.'),
});

const settings = {
  maxBackups: count(
    'How many successful backups of the database, and of the files, are kept; protected ones do not count. 0: no limit.',
    {
      minimum: 0,
      maximum: 10_000,
    },
  ),
  defaultContents: contents,
  undoHours: count('Hours for which previous data is kept after a restore.', { minimum: 0, maximum: 8760 }),
};

export const schemas: Record<string, Schema> = {
  SafekeepError: error,
  SafekeepErrors: object({ errors: list(ref('Error')) }),
  SafekeepHostErrors: object({ errors: list(object({ message: text(), code: text() }, ['message'])) }),
  SafekeepMaintenance: object({
    error: object({
      status: count(),
      maintaining: yes(),
      message: text('The current activity of the app.'),
      code: text('', { example: 'APP_COMMANDING' }),
    }),
  }),
  SafekeepPage: object({ count: count('Number of all rows.'), page: count(), pageSize: count(), totalPage: count() }),
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
    description: 'Contents of manifest.json in the archive; docs/archive-format.md lists every field.',
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
      filesMode: text('mirror: the folders become exactly as they were; merge: files added since are kept.', {
        enum: ['mirror', 'merge'],
        default: 'mirror',
      }),
      acceptWarnings: list(
        text(),
        'Codes of warnings that inspect returned; the restore is refused for any other warning.',
      ),
      discard: list(text(), 'Previous data to discard permanently where disk space is short: ids from inspect.'),
    },
    [],
  ),
  SafekeepPreview: object({
    backupAt: time('When the backup was made.'),
    tables: list(
      object({ name: text(), now: orNull(count('null: not counted within the time limit.')), then: count() }),
      'The largest tables whose number of rows would change.',
    ),
    removedFiles: {
      nullable: true,
      description: 'Live files that the backup lacks; null when files are not mirrored.',
      ...object({ count: count(), bytes: count(), newestAt: orNull(time()) }),
    },
    isPartial: yes('Only one of database and files is restored.'),
  }),
  SafekeepLiveOrigin: object({
    runId: text('The restore.'),
    backupName: text(),
    backupAt: time('When the backup was made.'),
    at: time('When it was restored.'),
    by: orNull(text('Nickname of the user.')),
  }),
  SafekeepPrevious: object({
    id: text('Id of the run that replaced the data: for safekeepRuns:undo and :discard.'),
    replacedBy: text('', { enum: ['restore', 'undo'] }),
    replacedAt: time(),
    startedBy: orNull(text()),
    until: time('When its undo window closes.'),
    origin: refOrNull('LiveOrigin'),
    contents,
    bytes: orNull(count('Disk space that discarding it frees on this server; null where unknown.')),
  }),
  SafekeepPreviousAnswer: object({
    live: refOrNull('LiveOrigin'),
    previous: list(ref('Previous'), 'Newest first.'),
  }),
  SafekeepInspection: object({
    manifest: ref('Manifest'),
    checks: list(check),
    restorable: yes('True when nothing blocks.'),
    plan: object({
      databaseStrategy: orNull(text('', { enum: ['database', 'schema', 'objects', 'tables', 'names', 'file'] })),
      summary: text('The procedure.'),
      downtime: text('How long the app is unavailable.'),
      extraBytes: count('Disk space needed during the restore, in bytes.'),
      undoHours: count('Hours for which the previous data is kept; 0: not at all.'),
      sharedFolders: list(
        object({ folder: text(), apps: list(text(), 'Apps that can have files there as well.') }),
        'Upload folders in which only files named in records of this app move.',
      ),
    }),
    appName: text('The app to overwrite.'),
    discards: list(ref('Previous'), 'Previous data that must be discarded to free disk space.'),
  }),
  SafekeepSettings: object(settings, []),
  SafekeepSettingsAnswer: object({
    ...settings,
    folder: text('The folder on the server that holds the archives.'),
    freeBytes: count(),
  }),
  SafekeepTools: object({
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
