/** Drives Safekeep through its HTTP API, the way a machine would. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { HostApi } from '../../scripts/host-api.mjs';
import type { BackupView, InspectAnswer, RunLogAnswer } from '../../src/shared/api';
import { FINAL_STATUSES, type RunView } from '../../src/shared/runs';

const POLL_MS = 100;
const GIVE_UP_MS = 110_000;

/** Waits for a run to end; a server in maintenance is asked again. */
export async function endOfRun(api: HostApi, runId: string, giveUpMs = GIVE_UP_MS): Promise<RunView> {
  const limit = Date.now() + giveUpMs;
  let last: unknown = null;
  while (Date.now() < limit) {
    const reply = await api.call(`safekeepRuns:get?filterByTk=${runId}`).catch(() => null);
    last = reply?.body ?? last;
    const run = reply?.status === 200 ? (reply.body.data as RunView) : null;
    if (run && FINAL_STATUSES.includes(run.status)) return run;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new Error(`run ${runId} did not end: ${JSON.stringify(last)}`);
}

/** Makes a backup, waits for it and returns its row; throws when it failed. */
export async function makeBackup(api: HostApi, request: object = {}): Promise<BackupView> {
  const { runId, backupName } = await api.get('safekeepBackups:create', { body: request });
  const run = await endOfRun(api, runId);
  if (run.status !== 'succeeded' && run.status !== 'succeeded with warnings') {
    throw new Error(`backup ${run.status}: ${JSON.stringify(run.error)}\n${await logOf(api, runId)}`);
  }
  return await api.get(`safekeepBackups:get?filterByTk=${backupName}`);
}

/** Restores, accepting every warning, waits for the end and returns the run; throws unless it succeeded. */
export async function makeRestore(
  api: HostApi,
  request: { name?: string; uploadId?: string; contents?: string[]; filesMode?: string },
): Promise<RunView> {
  const inspected: InspectAnswer = await api.get('safekeepBackups:inspect', { body: request });
  const acceptWarnings = inspected.checks.filter(({ status }) => status === 'warning').map(({ code }) => code);
  const { runId } = await api.get('safekeepBackups:restore', { body: { acceptWarnings, ...request } });
  const run = await endOfRun(api, runId);
  if (run.status !== 'succeeded' && run.status !== 'succeeded with warnings') {
    throw new Error(`restore ${run.status}: ${JSON.stringify(run.error)}\n${await logOf(api, runId)}`);
  }
  return run;
}

/** The run's log as text. */
export async function logOf(api: HostApi, runId: string): Promise<string> {
  const { lines }: RunLogAnswer = await api.get(`safekeepRuns:log?filterByTk=${runId}`);
  return lines.map(({ level, step, message }) => `${level} ${step}: ${message}`).join('\n');
}

/** Downloads an archive through a ticket. */
export async function download(api: HostApi, name: string): Promise<Buffer> {
  const { url } = await api.get('safekeepBackups:ticket', { body: { name } });
  const reply = await fetch(api.url + url);
  if (reply.status !== 200) throw new Error(`download answered ${reply.status}`);
  return Buffer.from(await reply.arrayBuffer());
}

/** Sends an archive in chunks and returns the id of the upload before it is finished. */
export async function sendChunks(api: HostApi, bytes: Buffer, chunkBytes = 1 << 20): Promise<string> {
  const body = { fileName: 'upload.safekeep.zip', bytes: bytes.length };
  const { uploadId } = await api.get('safekeepBackups:uploadStart', { body });
  for (let offset = 0; offset < bytes.length; offset += chunkBytes) {
    await append(api, uploadId, offset, bytes.subarray(offset, offset + chunkBytes));
  }
  return uploadId;
}

/** One chunk; the reply whatever its status. */
export async function append(api: HostApi, uploadId: string, offset: number, chunk: Buffer) {
  return await api.call(`safekeepBackups:uploadAppend?uploadId=${uploadId}&offset=${offset}`, {
    method: 'POST',
    body: new Uint8Array(chunk),
    headers: { 'content-type': 'application/octet-stream' },
  });
}

/** Uploads and finishes. */
export async function upload(api: HostApi, bytes: Buffer): Promise<string> {
  const uploadId = await sendChunks(api, bytes);
  await api.get('safekeepBackups:uploadFinish', { body: { uploadId } });
  return uploadId;
}

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export function sha256OfFile(file: string): string {
  return sha256(readFileSync(file));
}
