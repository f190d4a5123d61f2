/**
 * The rows behind the lists. They are written best-effort, as files are the source of truth: a failure is logged and retried
 * before the list is shown; every start rebuilds all rows.
 */
import type { Model, Repository } from '@nocobase/database';
import type { Application } from '@nocobase/server';
import type { Sidecar, StoredBackup } from '../../engine/destinations/local';
import { BACKUPS, RUNS } from './collections';
import { putRow } from './put-row';
import { isFinal, type RunRecord } from '../../engine/history/record';
import type { BackupRow } from '../api/views';

interface MissedRow {
  collection: string;
  key: string;
  values: Record<string, unknown>;
}

export class RowIndex {
  /** Rows that could not be written, the last state of each. */
  private readonly missed = new Map<string, MissedRow>();

  constructor(private readonly app: Application) {}

  /** Writes the rows that could not be written before, for example while the database was unavailable. */
  async catchUp(): Promise<void> {
    for (const { collection, key, values } of [...this.missed.values()]) await this.save(collection, key, values);
  }

  async saveRun(record: RunRecord): Promise<void> {
    const { id, kind, status, step, percent, startedAt, finishedAt, backupName, backupAt, uploadId, uploadName } =
      record;
    const { note, contents, trigger, warnings, error, startedBy, undoOf, steps, direction = null } = record;
    const about = {
      kind,
      status,
      step,
      steps,
      percent,
      startedAt,
      finishedAt,
      backupName,
      backupAt,
      uploadId,
      uploadName,
    };
    await this.save(RUNS, id, { ...about, note, contents, trigger, warnings, error, startedBy, undoOf, direction });
  }

  async saveBackup(row: BackupRow): Promise<void> {
    const { name, ...values } = row;
    await this.save(BACKUPS, name, values);
  }

  async removeBackup(name: string): Promise<void> {
    this.missed.delete(`${BACKUPS} ${name}`);
    await this.repository(BACKUPS).destroy({ filterByTk: name });
  }

  async backup(name: string): Promise<BackupRow | null> {
    const row = await this.repository(BACKUPS).findOne({ filterByTk: name });
    return row ? (row.toJSON() as BackupRow) : null;
  }

  /** Rebuilds the rows from the files. The row of an archive without a usable sidecar stays unchanged. */
  async rebuild(stored: readonly StoredBackup[], runs: readonly RunRecord[]): Promise<void> {
    this.missed.clear();
    const statuses = new Map((await this.rows(RUNS, ['id', 'status'])).map(({ id, status }) => [String(id), status]));
    for (const record of runs) if (statuses.get(record.id) !== record.status) await this.saveRun(record);
    const wanted = new Map<string, BackupRow>();
    for (const record of runs) {
      if (record.kind !== 'backup' || record.dismissed || !record.backupName) continue;
      if (record.status === 'succeeded' || record.status === 'succeeded with warnings') continue;
      wanted.set(record.backupName, rowOfRun(record));
    }
    const unknown = new Set(stored.filter(({ sidecar }) => !sidecar).map(({ name }) => name));
    for (const { name, sidecar } of stored) if (sidecar) wanted.set(name, rowOfSidecar(name, sidecar));
    for (const { name } of await this.rows(BACKUPS, ['name'])) {
      if (!wanted.has(String(name)) && !unknown.has(String(name))) await this.removeBackup(String(name));
    }
    for (const row of wanted.values()) await this.saveBackup(row);
    const inProgress = runs.filter((record) => !isFinal(record)).map(({ id }) => id);
    const stale = { status: { $in: ['running', 'pending'] }, id: { $notIn: inProgress } };
    await this.repository(RUNS).update({ filter: stale, values: { status: 'interrupted' } });
  }

  private async rows(collection: string, fields: string[]): Promise<Record<string, unknown>[]> {
    const rows = (await this.repository(collection).find({ fields })) as Model[];
    return rows.map((row) => row.toJSON());
  }

  private async save(collection: string, key: string, values: Record<string, unknown>): Promise<void> {
    const row = `${collection} ${key}`;
    try {
      await putRow(this.app.db, collection, key, values);
      this.missed.delete(row);
    } catch (error) {
      this.missed.set(row, { collection, key, values });
      this.app.log.warn(`Safekeep: cannot write the row ${key} of ${collection}: ${String(error)}`);
    }
  }

  private repository(collection: string): Repository {
    return this.app.db.getRepository(collection);
  }
}

export function rowOfRun(record: RunRecord): BackupRow {
  const { startedAt, finishedAt } = record;
  return {
    name: record.backupName ?? record.id,
    status: record.status,
    trigger: record.trigger,
    contents: record.contents,
    note: record.note,
    isProtected: false,
    startedAt,
    finishedAt,
    durationMs: finishedAt ? Date.parse(finishedAt) - Date.parse(startedAt) : null,
    bytes: null,
    sha256: null,
    runId: record.id,
    warnings: record.warnings,
    error: record.error,
    startedBy: record.startedBy,
    appVersion: '',
    dialect: null,
    destinations: [],
    verified: null,
  };
}

export function rowOfSidecar(name: string, sidecar: Sidecar): BackupRow {
  const { manifest, startedAt, finishedAt } = sidecar;
  return {
    name,
    status: manifest.warnings > 0 ? 'succeeded with warnings' : 'succeeded',
    trigger: manifest.trigger,
    contents: manifest.contents,
    note: sidecar.note,
    isProtected: sidecar.isProtected,
    startedAt,
    finishedAt,
    durationMs: Date.parse(finishedAt) - Date.parse(startedAt),
    bytes: sidecar.bytes,
    sha256: sidecar.sha256,
    runId: sidecar.runId,
    warnings: manifest.warnings,
    error: null,
    startedBy: sidecar.startedBy,
    appVersion: manifest.app.version,
    dialect: manifest.database?.dialect ?? null,
    destinations: ['local'],
    verified: sidecar.verified ?? null,
  };
}
