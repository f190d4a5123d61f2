/** The OpenAPI description of every action; the build writes it to dist/swagger, where the host's API documentation looks. */
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

/** Answers to what goes wrong, by HTTP status: those named, and those that every action has. */
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
    503: { description: 'The app is being reloaded; ask again.', content: json(ref('Maintenance')) },
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
  /** Needs no sign-in. */
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

/** What opening an archive can say. */
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
      description: 'Returns at once; ask safekeepRuns:get how it goes.',
      requestBody: body(object({ contents, note }, []), false),
      answer: data(object({ runId: text(), backupName: text() })),
      errors: ['BUSY'],
    },
  },
  update: {
    post: {
      summary: 'Change the note, pin or unpin',
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
      summary: 'Start a run that proves a backup',
      description:
        'Compares every hash, loads the database into a scratch database, counts its rows and drops it again. The live ' +
        'data is not touched. The result is kept with the backup (verified).',
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
  restore: {
    post: {
      summary: 'Start a restore',
      description: 'Refuses at once what does not fit. While the app is reloaded every request is answered with 503.',
      requestBody: body(ref('Restore')),
      answer: data(ref('RunStarted')),
      errors: [...INSPECTING, 'INCOMPATIBLE', 'WARNINGS_NOT_ACCEPTED', 'BUSY'],
    },
  },
  rescan: {
    post: {
      summary: 'Make the list what the folder of the archives holds',
      answer: data(object({ found: count('Archives in the folder.') })),
    },
  },
  ticket: {
    post: {
      summary: 'A link for one download',
      description: 'The link works once, for a minute, without signing in.',
      requestBody: body(object({ name: text() })),
      answer: data(object({ url: text('Path on this server.'), expiresAt: time() })),
      errors: ['NOT_FOUND'],
    },
  },
  download: {
    get: {
      summary: 'The archive, for the ticket of a link',
      description: 'Understands a Range of bytes; each ticket works once.',
      parameters: [query('ticket', text(), true)],
      answer: { 'application/zip': { schema: text('', { format: 'binary' }) } },
      errors: ['TICKET_INVALID', 'NOT_FOUND'],
      isPublic: true,
    },
  },
  uploadStart: {
    post: {
      summary: 'Announce an archive that will be sent in chunks',
      requestBody: body(object({ fileName: text('', { maxLength: 255 }), bytes: count('Size of the file.') })),
      answer: data(object({ uploadId: text(), maxChunkBytes: count(), received: count() })),
      errors: ['NO_SPACE'],
    },
  },
  uploadAppend: {
    post: {
      summary: 'Send the next chunk',
      description: 'A chunk starts where the last one ended; 409 names the byte to go on from.',
      parameters: [query('uploadId', text(), true), query('offset', count(), true)],
      requestBody: {
        required: true,
        content: { 'application/octet-stream': { schema: text('', { format: 'binary' }) } },
      },
      answer: data(object({ received: count('Bytes that have arrived.') })),
      errors: ['NOT_FOUND', 'UPLOAD_OUT_OF_ORDER', 'UPLOAD_TOO_LARGE'],
    },
  },
  uploadFinish: {
    post: {
      summary: 'End an upload: the archive is opened and its seal is checked',
      description: 'A file that is no good backup is removed.',
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
      summary: 'Throw an upload away',
      requestBody: body(object({ uploadId: text() })),
      answer: data(object({ uploadId: text() })),
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
      summary: 'How a run goes or went',
      parameters: [key('Id of the run.')],
      answer: data(ref('Run')),
      errors: ['NOT_FOUND'],
    },
  },
  log: {
    get: {
      summary: 'The log of a run',
      parameters: [key('Id of the run.'), query('offset', count('nextOffset of the answer before.', { default: 0 }))],
      answer: data(ref('RunLog')),
      errors: ['NOT_FOUND'],
    },
  },
  cancel: {
    post: {
      summary: 'Cancel a run',
      description: 'Not possible any more once a restore has begun its switch.',
      parameters: [key('Id of the run.')],
      answer: data(ref('Run')),
      errors: ['NOT_FOUND', 'NOT_RUNNING', 'TOO_LATE_TO_CANCEL'],
    },
  },
  undo: {
    post: {
      summary: 'Bring back the state before a restore, or before an undo',
      parameters: [key('Id of the restore.')],
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
    { name: BACKUPS, description: 'Backups and what can be done with them' },
    { name: RUNS, description: 'Executions: backup, restore, undo, verify' },
    { name: SETTINGS, description: 'Settings' },
  ],
  paths: Object.fromEntries([
    ...pathsOf(BACKUPS, backups),
    ...pathsOf(RUNS, runs),
    ...pathsOf(SETTINGS, settings),
  ]) as Record<string, object>,
  components: { schemas },
};
