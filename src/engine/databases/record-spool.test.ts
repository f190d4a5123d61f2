import { readdir } from 'node:fs/promises';
import os from 'node:os';
import { afterEach, expect, it, vi } from 'vitest';
import { RecordSpool } from './record-spool';

afterEach(() => vi.unstubAllEnvs());

const record = (number: number) => ({
  collection: 'attachments',
  key: String(number),
  filename: `ü\n"${number}\u2028`,
  path: '',
  storageId: '1',
});

it('returns all records in order, few or many, and leaves nothing behind', async () => {
  const folders = async () => (await readdir(os.tmpdir())).filter((name) => name.startsWith('safekeep-'));
  const before = await folders();
  for (const memory of [1 << 20, 500]) {
    const spool = new RecordSpool(memory);
    for (let number = 0; number < 300; number += 1) {
      spool.add(record(number));
      if (number % 7 === 0) await spool.relieve();
    }
    expect((await folders()).length).toBe(before.length + (memory === 500 ? 1 : 0));
    for (let round = 0; round < 2; round += 1) {
      const found = [];
      for await (const each of spool.read()) found.push(each);
      expect(found).toEqual(Array.from({ length: 300 }, (_, number) => record(number)));
    }
    await spool.remove();
    await spool.remove();
  }
  expect(await folders()).toEqual(before);
});
