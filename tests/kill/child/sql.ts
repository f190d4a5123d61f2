/** Makes the statements boundaries that a driver sends while it exchanges or drops slots. */
import type { DatabaseDriver } from '../../../src/engine/databases/driver';
import { between, reach } from './boundaries';

let watched = false;

type Callback = (...args: unknown[]) => unknown;

function nameOf(sql: unknown): string {
  const text =
    typeof sql === 'string'
      ? sql
      : String((sql as { text?: string; sql?: string }).text ?? (sql as { sql?: string }).sql);
  return text
    .trim()
    .split(/\s+/)
    .slice(0, 3)
    .join(' ')
    .slice(0, 60)
    .replace(/safekeep_[a-z0-9]+/g, 'safekeep_#');
}

function isChange(sql: string): boolean {
  return !/^(select|show|set|pragma \w+$|with)\b/i.test(sql);
}

/** Wraps a method whose answer comes by promise or by callback. */
function watch(prototype: object, method: string): void {
  const holder = prototype as Record<string, Callback>;
  const original = holder[method] as Callback;
  holder[method] = function (this: unknown, ...args: unknown[]) {
    const name = watched ? nameOf(args[0]) : '';
    if (!name || !isChange(name)) return original.apply(this, args);
    const callback = args.findIndex((arg) => typeof arg === 'function');
    if (callback >= 0) {
      const answer = args[callback] as Callback;
      args[callback] = function (this: unknown, ...results: unknown[]) {
        reach(`after ${name}`);
        return answer.apply(this, results);
      };
      return original.apply(this, args);
    }
    const result = original.apply(this, args);
    return result instanceof Promise ? result.finally(() => reach(`after ${name}`)) : result;
  };
}

/** Only the client of this dialect is loaded. */
export async function watchStatements(dialect: DatabaseDriver['dialect']): Promise<void> {
  if (dialect === 'sqlite') {
    const { default: sqlite } = await import('sqlite3');
    watch(sqlite.Database.prototype, 'all');
  } else if (dialect === 'postgres') {
    const { default: pg } = await import('pg');
    watch(pg.Client.prototype, 'query');
  } else {
    const { Connection } = await import('mysql2');
    watch((Connection as unknown as { prototype: object }).prototype, 'query');
  }
}

/** The driver with boundaries around what it changes. */
export function watchDriver(driver: DatabaseDriver): DatabaseDriver {
  const inside = async <T>(name: string, work: () => Promise<T>) => {
    watched = true;
    try {
      return await between(`driver.${name}`, work);
    } finally {
      watched = false;
    }
  };
  // The drivers of some dialects are classes with private state, so the object itself is changed.
  const { stage, check, switchOver, switchBack, discard } = driver;
  return Object.assign(driver, {
    stage: (...args: Parameters<typeof stage>) => between('driver.stage', () => stage.apply(driver, args)),
    check: (...args: Parameters<typeof check>) => between('driver.check', () => check.apply(driver, args)),
    switchOver: (...args: Parameters<typeof switchOver>) => inside('switchOver', () => switchOver.apply(driver, args)),
    switchBack: (...args: Parameters<typeof switchBack>) => inside('switchBack', () => switchBack.apply(driver, args)),
    discard: (...args: Parameters<typeof discard>) => inside('discard', () => discard.apply(driver, args)),
  });
}
