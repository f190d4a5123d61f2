/** A dump of pg_dump's custom format whose table of contents somebody has edited. */

const MAGIC_AND_VERSION_BYTES = 8;

export interface CraftedEntry {
  tag: string;
  type: string;
  definition: string;
  drop: string;
  copy: string;
}

/** Names of the strings of an entry behind its section, in the file's order. */
const BEHIND_SECTION = ['definition', 'drop', 'copy'] as const;

/**
 * Lets `edit` change the SQL of each entry. Dumps that were written to a pipe hold no positions, so texts may grow.
 * Version 1.14 of the format with integers of 4 bytes, as pg_dump 15 writes it.
 */
export function craft(dump: Buffer, edit: (entry: CraftedEntry) => void): Buffer {
  let at = MAGIC_AND_VERSION_BYTES;
  const out: Buffer[] = [];
  const int = () => {
    at += 5;
    return (dump[at - 5] === 0 ? 1 : -1) * dump.readUInt32LE(at - 4);
  };
  const text = () => {
    const length = int();
    if (length < 0) return null;
    at += length;
    return dump.toString('latin1', at - length, at);
  };
  const putText = (value: string) => {
    const bytes = Buffer.from(value, 'latin1');
    const head = Buffer.alloc(5);
    head.writeUInt32LE(bytes.length, 1);
    out.push(head, bytes);
  };
  if (dump.toString('latin1', 0, 5) !== 'PGDMP' || dump[6] !== 14 || dump[at] !== 4) throw new Error('another format');
  at += 3; // Sizes of integers and positions, format.
  for (let i = 0; i < 8; i += 1) int(); // Compression, time.
  for (let i = 0; i < 3; i += 1) text(); // Database, versions.
  const count = int();
  let kept = 0;
  const keep = () => {
    out.push(dump.subarray(kept, at));
    kept = at;
  };
  for (let i = 0; i < count; i += 1) {
    for (let j = 0; j < 2; j += 1) int(); // Number, whether it has data.
    for (let j = 0; j < 2; j += 1) text(); // OIDs.
    keep();
    const entry = { tag: text() ?? '', type: text() ?? '', definition: '', drop: '', copy: '' };
    const section = at;
    int();
    const sectionBytes = dump.subarray(section, at);
    for (const name of BEHIND_SECTION) entry[name] = text() ?? '';
    kept = at;
    edit(entry);
    putText(entry.tag);
    putText(entry.type);
    out.push(sectionBytes);
    for (const name of BEHIND_SECTION) putText(entry[name]);
    for (let j = 0; j < 5; j += 1) text(); // Schema, tablespace, access method, owner, OIDs.
    while (text() !== null); // What it depends on.
    at += 9; // Where its data lie.
    keep();
  }
  return Buffer.concat([...out, dump.subarray(kept)]);
}
