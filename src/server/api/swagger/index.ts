/** The OpenAPI description of every action; the build writes it to dist/swagger for the host's API documentation. */
import { type ErrorCode, ERRORS } from '../../../engine/errors';
import { contents, count, list, note, object, ref, type Schema, schemas, text, time, yes } from './schemas';

const json = (schema: Schema) => ({ 'application/json': { schema } });
const data = (schema: Schema, more: Record<string, Schema> = {}) => json(object({ data: schema, ...more }));
const query = (name: string, schema: Schema, required = false) => ({ name, in: 'query', required, schema });
const key = (what: string) => query('filterByTk', text(what), true);
const body = (schema: Schema, required = true) => ({ required, content: json(schema) });

const listParameters = [
  query('page', count('', { default: 1 })),
  query('pageSize', count('', { default: 20, maximum: 200 })),
  query('sort', text("Fields separated by commas, '-' for descending.", { default: '-startedAt' })),
  query('filter', text("JSON in the host's filter language.")),
];

/** Error answers by HTTP status: of the given codes, and of every action. */
function failures(codes: readonly ErrorCode[], isPublic: boolean): Record<string, object> {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of ['BAD_REQUEST', 'INTERNAL', ...codes] as const) {
    byStatus.set(ERRORS[code].status, [...(byStatus.get(ERRORS[code].status) ?? []), code]);
  }
  const own = [...byStatus].map(([status, found]) => {
    const description = found.map((code) => `${code}: ${ERRORS[code].message}`).join('\n\n');
    return [String(status), { description, content: json(ref('Errors')) }];
  });
  const refusals = {
    401: { description: 'Not signed in.', content: json(ref('HostErrors')) },
    403: { description: 'The role lacks the permission.', content: json(ref('HostErrors')) },
  };
  return {
    ...(!isPublic && refusals),
    503: { description: 'The app is reloading; retry.', content: json(ref('Maintenance')) },
    ...Object.fromEntries(own),
  };
}

interface Operation {
  summary: string;
  description?: string;
  parameters?: object[];
  requestBody?: object;
  answer: object;
  errors?: ErrorCode[];
  /** Requires no login. */
  isPublic?: boolean;
}

function operation(tag: string, { answer, errors = [], isPublic = false, ...rest }: Operation): object {
  return {
    tags: [tag],
    ...rest,
    ...(isPublic && { security: [] }),
    responses: { 200: { description: 'OK', content: answer }, ...failures(errors, isPublic) },
  };
}

const BACKUPS = 'safekeepBackups';
const RUNS = 'safekeepRuns';
const SETTINGS = 'safekeepSettings';

/** Errors of opening an archive. */
const OPENING: ErrorCode[] = [
  'NOT_A_ZIP',
  'NOT_A_BACKUP',
  'ARCHIVE_TRUNCATED',
  'ARCHIVE_DAMAGED',
  'FORMAT_TOO_NEW',
  'UNSAFE_ENTRY',
];
const INSPECTING: ErrorCode[] = [
  'NOT_FOUND',
  'UPLOAD_INCOMPLETE',
  ...OPENING,
  'NOT_IN_BACKUP',
  'FOLDER_NOT_WRITABLE',
  'DATABASE_UNREACHABLE',
];

const backups: Record<string, Record<string, Operation>> = {
  list: {
    get: {
      summary: 'Backups, a page at a time',
      parameters: listParameters,
      answer: data(list(ref('Backup')), { meta: ref('Page') }),
    },
  },
  get: {
    get: {
      summary: 'One backup with its manifest',
      parameters: [key('Name of the backup.')],
      answer: data(ref('BackupDetails')),
      errors: ['NOT_FOUND'],
    },
  },
  create: {
    post: {
      summary: 'Start a backup',
      description: 'Returns at once; poll safekeepRuns:get for progress.',
      requestBody: body(
        object(
          {
            contents,
            note,
            previous: text('Id of previous data to back up instead of live data; decides the contents.'),
          },
          [],
        ),
        false,
      ),
      answer: data(object({ runId: text(), backupName: text() })),
      errors: ['BUSY', 'NOTHING_TO_UNDO'],
    },
  },
  update: {
    post: {
      summary: 'Change the note or the protection',
      parameters: [key('Name of the backup.')],
      requestBody: body(object({ note, isProtected: yes() }, [])),
      answer: data(ref('Backup')),
      errors: ['NOT_FOUND'],
    },
  },
  destroy: {
    post: {
      summary: 'Delete a backup',
      parameters: [key('Name of the backup.')],
      answer: data(object({ name: text() })),
      errors: ['NOT_FOUND', 'PROTECTED', 'BUSY'],
    },
  },
  verify: {
    post: {
      summary: 'Verify a backup',
      description:
        'Verifies every checksum, loads the database into a temporary database, counts its rows and deletes it again. Live ' +
        'data is not touched. The result is stored with the backup (verified).',
      requestBody: body(object({ name: text() })),
      answer: data(ref('RunStarted')),
      errors: ['NOT_FOUND', 'BUSY'],
    },
  },
  inspect: {
    post: {
      summary: 'Compare a backup with this app; changes nothing',
      requestBody: body(ref('Source')),
      answer: data(ref('Inspection')),
      errors: INSPECTING,
    },
  },
  preview: {
    post: {
      summary: 'The losses of a restore; changes nothing',
      requestBody: body(ref('Restore')),
      answer: data(ref('Preview')),
      errors: INSPECTING,
    },
  },
  restore: {
    post: {
      summary: 'Start a restore',
      description:
        'An incompatible backup is refused at once. While the app reloads, every request is answered with 503.',
      requestBody: body(ref('Restore')),
      answer: data(ref('RunStarted')),
      errors: [...INSPECTING, 'INCOMPATIBLE', 'WARNINGS_NOT_ACCEPTED', 'PREVIOUS_AT_RISK', 'BUSY'],
    },
  },
  rescan: {
    post: {
      summary: 'Read the archive folder again',
      answer: data(object({ found: count('Archives in the folder.') })),
    },
  },
  ticket: {
    post: {
      summary: 'A link for one download',
      description: 'The link works without a token until it expires, for any number of ranges.',
      requestBody: body(object({ name: text() })),
      answer: data(object({ url: text('Path on this server.'), expiresAt: time() })),
      errors: ['NOT_FOUND'],
    },
  },
  download: {
    get: {
      summary: 'The archive',
      description: 'Supports Range and If-Range.',
      parameters: [query('ticket', text(), true)],
      answer: { 'application/zip': { schema: text('', { format: 'binary' }) } },
      errors: ['TICKET_INVALID', 'NOT_FOUND'],
      isPublic: true,
    },
  },
  uploadStart: {
    post: {
      summary: 'Start an upload in chunks',
      requestBody: body(object({ fileName: text('', { maxLength: 255 }), bytes: count('Size of the file.') })),
      answer: data(object({ uploadId: text(), maxChunkBytes: count(), received: count() })),
      errors: ['NO_SPACE'],
    },
  },
  uploadAppend: {
    post: {
      summary: 'Send the next chunk',
      description: 'A chunk starts where the last one ended; 409 returns the offset to continue from.',
      parameters: [query('uploadId', text(), true), query('offset', count(), true)],
      requestBody: {
        required: true,
        content: { 'application/octet-stream': { schema: text('', { format: 'binary' }) } },
      },
      answer: data(object({ received: count('Bytes received so far.') })),
      errors: ['NOT_FOUND', 'UPLOAD_OUT_OF_ORDER', 'UPLOAD_TOO_LARGE'],
    },
  },
  uploadFinish: {
    post: {
      summary: 'Finish an upload: the archive is opened and its checksum verified',
      description: 'A file that is not an intact backup is deleted.',
      requestBody: body(
        object({ uploadId: text(), sha256: text('Of the whole file, hex.', { minLength: 64, maxLength: 64 }) }, [
          'uploadId',
        ]),
      ),
      answer: data(object({ uploadId: text(), manifest: ref('Manifest') })),
      errors: ['NOT_FOUND', 'UPLOAD_INCOMPLETE', 'UPLOAD_DAMAGED', ...OPENING],
    },
  },
  uploadAbort: {
    post: {
      summary: 'Delete an upload',
      requestBody: body(object({ uploadId: text() })),
      answer: data(object({ uploadId: text() })),
      errors: ['BUSY'],
    },
  },
  keepUpload: {
    post: {
      summary: 'Keep an uploaded archive in the list',
      requestBody: body(object({ uploadId: text() })),
      answer: data(object({ name: text('Name of the backup.') })),
      errors: ['NOT_FOUND', 'UPLOAD_INCOMPLETE', ...OPENING, 'NAME_TAKEN', 'BUSY'],
    },
  },
};

const runs: Record<string, Record<string, Operation>> = {
  list: {
    get: {
      summary: 'Runs, a page at a time',
      parameters: listParameters,
      answer: data(list(ref('Run')), { meta: ref('Page') }),
    },
  },
  get: {
    get: {
      summary: 'One run',
      parameters: [key('Id of the run.')],
      answer: data(ref('Run')),
      errors: ['NOT_FOUND'],
    },
  },
  log: {
    get: {
      summary: 'The run log',
      parameters: [key('Id of the run.'), query('offset', count('nextOffset of the last answer.', { default: 0 }))],
      answer: data(ref('RunLog')),
      errors: ['NOT_FOUND'],
    },
  },
  cancel: {
    post: {
      summary: 'Cancel a run',
      description: 'Refused once the switchover of a restore has begun.',
      parameters: [key('Id of the run.')],
      answer: data(ref('Run')),
      errors: ['NOT_FOUND', 'NOT_RUNNING', 'TOO_LATE_TO_CANCEL'],
    },
  },
  undo: {
    post: {
      summary: 'Bring back the data that a restore or an undo replaced',
      parameters: [key('Id of the run that replaced the data.')],
      answer: data(ref('RunStarted')),
      errors: ['NOT_FOUND', 'NOTHING_TO_UNDO', 'FOLDER_SHARED', 'BUSY'],
    },
  },
  previous: {
    get: {
      summary: 'Previous data that can be brought back, and the origin of the live data',
      answer: data(ref('PreviousAnswer')),
    },
  },
  discard: {
    post: {
      summary: 'Discard previous data permanently',
      parameters: [key('Id of the run that replaced the data.')],
      answer: data(ref('RunStarted')),
      errors: ['NOT_FOUND', 'NOTHING_TO_UNDO', 'BUSY'],
    },
  },
};

const settings: Record<string, Record<string, Operation>> = {
  get: {
    get: { summary: 'Settings, and facts about this server', answer: data(ref('SettingsAnswer')) },
  },
  update: {
    post: {
      summary: 'Change settings',
      requestBody: body(ref('Settings')),
      answer: data(ref('SettingsAnswer')),
    },
  },
  tools: {
    post: { summary: 'Client tools found on this server', answer: data(ref('Tools')) },
  },
};

function pathsOf(resource: string, actions: Record<string, Record<string, Operation>>): [string, object][] {
  return Object.entries(actions).map(([name, methods]) => {
    const described = Object.entries(methods).map(([method, one]) => [method, operation(resource, one)]);
    return [`/${resource}:${name}`, Object.fromEntries(described)];
  });
}

export default {
  openapi: '3.0.3',
  info: { title: 'NocoBase API - Safekeep plugin', version: '1.0.0' },
  tags: [
    { name: BACKUPS, description: 'Backups, restores, uploads and downloads' },
    { name: RUNS, description: 'Runs: backup, restore, undo, verify, prune' },
    { name: SETTINGS, description: 'Settings' },
  ],
  paths: Object.fromEntries([
    ...pathsOf(BACKUPS, backups),
    ...pathsOf(RUNS, runs),
    ...pathsOf(SETTINGS, settings),
  ]) as Record<string, object>,
  components: { schemas },
};
