/** People upload and delete files all through a backup. Its record of files is correct nevertheless. */
import * as fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import SafekeepPlugin from '../../src/server';
import { entriesOf } from '../support/altered-archive';
import { startApp, type TestApp } from '../support/app';
import { type Attachment, removeFile, uploadFile } from '../support/attachments';
import { at } from '../support/moments';
import { download, logOf, makeBackup, makeRestore } from '../support/safekeep';

describe.each(['sqlite', 'postgres', 'mariadb'] as const)('on %s', (dialect) => {
  let host: TestApp;
  let uploads: string;
  beforeAll(async () => {
    host = await startApp({ plugin: SafekeepPlugin, database: dialect });
    uploads = path.join(host.storage, 'uploads');
  });
  afterAll(async () => await host?.stop());

  /** Uploads and deletes until it is stopped; what it deletes is anything between new and old. */
  function startWriter() {
    let isRunning = true;
    const uploaded: Attachment[] = [];
    const waiting: Attachment[] = [];
    const write = async () => {
      const file = await uploadFile(host.root, 'file.txt', `content ${uploaded.length}`);
      uploaded.push(file);
      waiting.push(file);
      const [gone] = waiting.splice(Math.floor(Math.random() * waiting.length * 2), 1);
      if (gone) await removeFile(host.root, gone);
    };
    const work = async () => {
      // SQLite may be locked for a moment; then the host has removed a file and keeps its record.
      while (isRunning) await write().catch(() => undefined);
    };
    const working = work();
    const stop = async () => {
      isRunning = false;
      await working;
    };
    /** Resolves when so many more have been uploaded. */
    const more = async (count: number) => {
      const wanted = uploaded.length + count;
      while (uploaded.length < wanted) await new Promise((resolve) => setTimeout(resolve, 5));
    };
    return { stop, more };
  }

  it.each([[['database', 'files']], [['files']]])(
    'every record of a backup of %s has its file, or a true warning',
    async (contents) => {
      const writer = startWriter();
      await writer.more(10);
      const ambushes = [...contents, 'finish'].map((step) => at(host.app, `step ${step}`, () => writer.more(8)));
      const backup = await makeBackup(host.root, { contents });
      const onDisk = new Set(fs.readdirSync(uploads));
      await writer.stop();
      for (const ambush of ambushes.reverse()) ambush.remove();

      const log = await logOf(host.root, backup.runId ?? '');
      const warnings = log.split('\n').filter((line) => line.startsWith('warn'));
      const missing = new Map<string, string>();
      for (const line of warnings) {
        const [, file = '', id = ''] = /^warn files: Missing on disk: (\S+) \(attachments (\d+)\)$/.exec(line) ?? [];
        expect(file, line).not.toBe('');
        missing.set(file, id);
      }
      const entries = await entriesOf(await download(host.root, backup.name));
      const stored = new Map(
        entries.filter(({ name }) => name.startsWith('files/')).map((entry) => [path.basename(entry.name), entry]),
      );
      expect(backup.warnings).toBe(missing.size);

      // No warning is false: the file is not in the backup, and it is gone.
      for (const file of missing.keys())
        expect([file, stored.has(file), onDisk.has(file)]).toEqual([file, false, false]);
      if (!contents.includes('database')) return;
      await makeRestore(host.root, { name: backup.name, contents: ['database'] });
      const records = (await host.app.db.getRepository('attachments').find()) as unknown as Attachment[];
      expect(records.length).toBeGreaterThan(0);
      const files = new Map(records.map(({ filename, id }) => [filename, String(id)]));
      for (const [file, id] of files) {
        const entry = stored.get(file);
        if (entry) expect(entry.recorded, file).toBe(true);
        else expect(missing.get(file), `${file} is neither in the backup nor called missing`).toBe(id);
      }
      for (const [file, id] of missing) expect(files.get(file), file).toBe(id);
      for (const [file, { recorded }] of stored) expect(recorded, file).toBe(files.has(file));
    },
  );
});
