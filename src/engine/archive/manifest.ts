/** The schemas that validate everything read from an archive. */
import { z } from 'zod';
import type { ArchiveEntry, Manifest } from '../../shared/manifest';
import { SafekeepError } from '../errors';
import { FORMAT, isBackupName, isSafeRelativePath } from './format';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.number().int().nonnegative();

const databaseSchema = z.object({
  dialect: z.enum(['postgres', 'mysql', 'mariadb', 'sqlite']),
  flavour: z.enum(['postgres', 'mysql', 'mariadb', 'sqlite']),
  serverVersion: z.string(),
  underscored: z.boolean(),
  tablePrefix: z.string(),
  schema: z.string(),
  encoding: z.string(),
  collation: z.string(),
  timeZone: z.string(),
  extensions: z.array(z.object({ name: z.string(), version: z.string(), schema: z.string() })),
  roles: z.array(z.string()),
  dataBytes: z.number().nonnegative(),
  tool: z.object({ name: z.string(), version: z.string() }),
  parts: z.array(z.string().regex(/^[A-Za-z0-9._-]+$/)).min(1),
  tables: z.array(z.object({ name: z.string(), rows: count.nullable(), dataExcluded: z.boolean().optional() })),
  schemasInDump: z.record(z.string(), z.string()).optional(),
});

export const manifestSchema: z.ZodType<Manifest> = z.object({
  format: z.literal(FORMAT),
  name: z.string().refine(isBackupName),
  createdAt: z.iso.datetime(),
  app: z.object({
    name: z.string(),
    version: z.string(),
    plugins: z.array(z.object({ name: z.string(), version: z.string() })),
  }),
  contents: z.array(z.enum(['database', 'files'])).min(1),
  note: z.string(),
  trigger: z.enum(['manual', 'schedule', 'api', 'cli', 'pre-restore', 'upload']),
  database: databaseSchema.nullable(),
  files: z
    .object({
      roots: z.array(
        z.object({
          id: z.string().regex(/^[A-Za-z0-9_-]+$/),
          storages: z.array(z.string()),
          documentRoot: z.string(),
          places: z
            .record(
              z.string(),
              z.string().refine((place) => place === '' || isSafeRelativePath(place)),
            )
            .optional(),
          files: count,
          bytes: count,
          recorded: z.object({ files: count, bytes: count }).optional(),
        }),
      ),
      missing: count,
    })
    .nullable(),
  keyFingerprints: z.record(z.string(), z.string()),
  entries: z.object({ count, bytes: count, sha256 }),
  warnings: count,
});

const entrySchema: z.ZodType<ArchiveEntry> = z.object({
  name: z.string().min(1),
  bytes: count,
  sha256,
  mtimeMs: z.number().optional(),
  mode: z.number().int().min(0).max(0o7777).optional(),
  recorded: z.boolean().optional(),
});

/** @throws NOT_A_BACKUP, FORMAT_TOO_NEW, ARCHIVE_DAMAGED */
export function parseManifest(text: string): Manifest {
  return checkManifest(parseJson(text));
}

/** The same for parsed JSON. @throws NOT_A_BACKUP, FORMAT_TOO_NEW, ARCHIVE_DAMAGED */
export function checkManifest(json: unknown): Manifest {
  const format = z.object({ format: z.number().int().positive() }).safeParse(json);
  if (!format.success) throw new SafekeepError('NOT_A_BACKUP');
  if (format.data.format > FORMAT) {
    throw new SafekeepError('FORMAT_TOO_NEW', { format: format.data.format, supported: FORMAT });
  }
  const manifest = manifestSchema.safeParse(json);
  if (!manifest.success) {
    const issue = manifest.error.issues[0];
    const params = { place: issue?.path.join('.') ?? '', issue: issue?.message ?? '' };
    const detail = { text: 'manifest.json is invalid at {{place}}: {{issue}}', params };
    throw new SafekeepError('ARCHIVE_DAMAGED', { detail });
  }
  return manifest.data;
}

/** @throws ARCHIVE_DAMAGED */
export function parseEntry(line: string): ArchiveEntry {
  const entry = entrySchema.safeParse(parseJson(line));
  if (!entry.success)
    throw new SafekeepError('ARCHIVE_DAMAGED', { detail: { text: 'its list of entries is invalid' } });
  return entry.data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new SafekeepError('ARCHIVE_DAMAGED', { detail: { text: 'it contains invalid JSON' } }, { cause });
  }
}
