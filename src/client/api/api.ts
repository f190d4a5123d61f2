import {
  type BackupDetails,
  type BackupView,
  CLIENT_HEADER,
  CLIENT_PAGE,
  type CreateBackupAnswer,
  type CreateBackupRequest,
  type InspectAnswer,
  type KeepUploadAnswer,
  type PreviewAnswer,
  type PreviousAnswer,
  type RestoreAnswer,
  type RestoreRequest,
  type RunLogAnswer,
  type Settings,
  type SettingsAnswer,
  type TicketAnswer,
  type ToolsAnswer,
  type UploadAppendAnswer,
  type UploadFinishAnswer,
  type UploadStartAnswer,
  type UploadStartRequest,
} from '../../shared/api';
import type { Content, RunKind, RunStatus, RunView } from '../../shared/runs';
import type { HostRequest, SafekeepHost } from '../host';
import { toFailure } from './failure';

export interface Page<T> {
  rows: T[];
  /** Rows on all pages. */
  count: number;
}

export interface ListQuery {
  page: number;
  pageSize: number;
  /** Field name, with '-' before it for descending. */
  sort: string;
  statuses?: readonly RunStatus[];
  /** Runs only. */
  kinds?: readonly RunKind[];
  /** Backups only: found in name and note. */
  search?: string;
}

export interface InspectRequest {
  name?: string;
  uploadId?: string;
  contents?: Content[];
}
export type PreviewRequest = InspectRequest & Pick<RestoreRequest, 'filesMode'>;

type Body<T> = { data: T; meta?: { count?: number } };

/** The HTTP API, typed. Every function rejects with a Failure. */
export function createApi(host: SafekeepHost) {
  const send = async <T>(request: HostRequest): Promise<Body<T>> => {
    try {
      const headers = { ...request.headers, [CLIENT_HEADER]: CLIENT_PAGE };
      return (await host.request({ ...request, headers })) as Body<T>;
    } catch (error) {
      throw toFailure(error);
    }
  };
  const get = async <T>(url: string, params?: HostRequest['params']) =>
    (await send<T>({ url, method: 'get', params })).data;
  const post = async <T>(url: string, data?: unknown, params?: HostRequest['params']) =>
    (await send<T>({ url, method: 'post', data, params })).data;
  const list = async <T>(url: string, query: ListQuery): Promise<Page<T>> => {
    const { data, meta } = await send<T[]>({ url, method: 'get', params: listParams(query) });
    return { rows: data, count: meta?.count ?? data.length };
  };

  return {
    backups: {
      list: (query: ListQuery) => list<BackupView>('safekeepBackups:list', query),
      get: (name: string) => get<BackupDetails>('safekeepBackups:get', { filterByTk: name }),
      create: (request: CreateBackupRequest) => post<CreateBackupAnswer>('safekeepBackups:create', request),
      update: (name: string, values: { note?: string; isProtected?: boolean }) =>
        post<unknown>('safekeepBackups:update', values, { filterByTk: name }),
      destroy: (name: string) => post<unknown>('safekeepBackups:destroy', undefined, { filterByTk: name }),
      verify: (name: string) => post<RestoreAnswer>('safekeepBackups:verify', undefined, { filterByTk: name }),
      ticket: (name: string) => post<TicketAnswer>('safekeepBackups:ticket', { name }),
      inspect: (request: InspectRequest) => post<InspectAnswer>('safekeepBackups:inspect', request),
      preview: (request: PreviewRequest) => post<PreviewAnswer>('safekeepBackups:preview', request),
      restore: (request: RestoreRequest) => post<RestoreAnswer>('safekeepBackups:restore', request),
    },
    uploads: {
      start: (request: UploadStartRequest) => post<UploadStartAnswer>('safekeepBackups:uploadStart', request),
      append: async (uploadId: string, offset: number, chunk: Blob, signal: AbortSignal, onSent: (n: number) => void) =>
        (
          await send<UploadAppendAnswer>({
            url: 'safekeepBackups:uploadAppend',
            method: 'post',
            params: { uploadId, offset },
            data: chunk,
            headers: { 'Content-Type': 'application/octet-stream' },
            signal,
            onSent,
          })
        ).data,
      finish: (uploadId: string) => post<UploadFinishAnswer>('safekeepBackups:uploadFinish', { uploadId }),
      abort: (uploadId: string) => post<unknown>('safekeepBackups:uploadAbort', { uploadId }),
      keep: (uploadId: string) => post<KeepUploadAnswer>('safekeepBackups:keepUpload', { uploadId }),
    },
    runs: {
      list: (query: ListQuery) => list<RunView>('safekeepRuns:list', query),
      get: (id: string) => get<RunView>('safekeepRuns:get', { filterByTk: id }),
      log: (id: string, offset: number) => get<RunLogAnswer>('safekeepRuns:log', { filterByTk: id, offset }),
      cancel: (id: string) => post<unknown>('safekeepRuns:cancel', undefined, { filterByTk: id }),
      previous: () => get<PreviousAnswer>('safekeepRuns:previous'),
      undo: (id: string) => post<RestoreAnswer>('safekeepRuns:undo', undefined, { filterByTk: id }),
      discard: (id: string) => post<RestoreAnswer>('safekeepRuns:discard', undefined, { filterByTk: id }),
    },
    settings: {
      get: () => get<SettingsAnswer>('safekeepSettings:get'),
      tools: () => post<ToolsAnswer>('safekeepSettings:tools'),
      // The host refuses an update that names no record; there is only this one.
      update: (settings: Settings) => post<unknown>('safekeepSettings:update', settings, { filterByTk: 1 }),
    },
  };
}

export type Api = ReturnType<typeof createApi>;

const includedIn = (field: string) => (part: string) => ({ [field]: { $includes: part } });

/** The host's own list parameters: `filter` in its operator language, JSON. */
function listParams({ page, pageSize, sort, statuses, kinds, search }: ListQuery): Record<string, unknown> {
  const terms: unknown[] = [];
  if (kinds?.length) terms.push({ kind: { $in: kinds } });
  if (statuses?.length) terms.push({ status: { $in: statuses } });
  // The host escapes _ and % in a way that SQLite does not know; what stands between them is looked for.
  const parts = (search ?? '').split(/[_%]+/).filter(Boolean);
  if (parts.length) terms.push({ $or: ['name', 'note'].map((field) => ({ $and: parts.map(includedIn(field)) })) });
  return { page, pageSize, sort, ...(terms.length ? { filter: JSON.stringify({ $and: terms }) } : {}) };
}
