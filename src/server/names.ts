import { randomInt } from 'node:crypto';

/** `length` random lower-case letters. */
export function randomLetters(length: number): string {
  return Array.from({ length }, () => String.fromCharCode(97 + randomInt(26))).join('');
}

/** '20261120T095107Z-qwerty': sorts by time and is a valid file name everywhere. */
export function newRunId(now: Date): string {
  return `${now.toISOString().replace(/[-:]/g, '').replace(/\.\d+/, '')}-${randomLetters(6)}`;
}

/** Identifies the slots of one restore or verification. */
export function newSlotId(): string {
  return randomLetters(8);
}
