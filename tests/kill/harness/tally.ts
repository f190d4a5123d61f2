/** Kills tried and survived, gathered from all test processes and shown as a table. */
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';

export interface Tally {
  level: 'engine' | 'app';
  strategy: string;
  /** What was killed. */
  how: string;
  /** Kills at named boundaries, and at random instants. */
  named: number;
  random: number;
  survived: number;
  /** How often the old data was live after the next start, and how often the new data. */
  old: number;
  new: number;
  failures: string[];
  seconds: number;
}

const FILE = path.resolve('.test/kill/tally.jsonl');

export function forgetTallies(): void {
  mkdirSync(path.dirname(FILE), { recursive: true });
  rmSync(FILE, { force: true });
}

export function addTally(tally: Tally): void {
  appendFileSync(FILE, `${JSON.stringify(tally)}\n`);
}

export function printTallies(seed: string): void {
  if (!existsSync(FILE)) return;
  const tallies = readFileSync(FILE, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Tally);
  const sum = (of: (tally: Tally) => number) => tallies.reduce((total, tally) => total + of(tally), 0);
  const rows = tallies.map(({ level, strategy, how, named, random, survived, old, new: after, seconds }) => {
    const tried = `${named + random} (${random} random)`;
    return [level, strategy, how, tried, String(survived), `${old} old, ${after} new`, `${seconds} s`];
  });
  const head = ['level', 'strategy', 'killed', 'kills', 'survived', 'live afterwards', 'time'];
  const all = [head, ...rows.sort((one, other) => one.join().localeCompare(other.join()))];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const text = all.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '));
  const total = `${sum(({ named, random }) => named + random)} kills, ${sum(({ survived }) => survived)} survived; seed ${seed}`;
  console.log(['', ...text, total, ''].join('\n'));
}
