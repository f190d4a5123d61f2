/** Someone who keeps working while a backup is made, in transactions that keep a sum constant. */
import type { DatabaseConnection } from '../../../src/engine/databases/driver';
import { connect, type RawConnection, withConnection } from '../compare';

const ACCOUNTS = 50;
const START_AMOUNT = 1000;

/** Keeps the load below what would starve two cores; SQLite has one writer at a time, and others want their turn too. */
const pauseMs = ({ dialect }: DatabaseConnection) => (dialect === 'sqlite' ? 25 : 2);

export interface Writer {
  /** Transactions committed so far. */
  readonly committed: number;
  /** Waits until so many further transactions are committed. */
  more(transactions: number): Promise<void>;
  /** Ends after the transaction in progress. @throws the error that ended it before */
  stop(): Promise<void>;
}

/** Tables whose content a consistent moment must leave balanced. */
async function prepare(connection: RawConnection): Promise<void> {
  const engine =
    connection.target.dialect === 'sqlite' || connection.target.dialect === 'postgres' ? '' : 'ENGINE = InnoDB';
  await connection.query(`CREATE TABLE zoo_accounts (id int PRIMARY KEY, amount bigint NOT NULL) ${engine}`);
  await connection.query(
    `CREATE TABLE zoo_moves (batch bigint, account int, delta bigint, PRIMARY KEY (batch, account)) ${engine}`,
  );
  const rows = Array.from({ length: ACCOUNTS }, (_, id) => `(${id}, ${START_AMOUNT})`);
  await connection.query(`INSERT INTO zoo_accounts VALUES ${rows.join()}`);
}

/**
 * Starts moving amounts between rows on a connection of its own; each transaction also inserts two rows of history.
 * The tables are made when missing. A transaction that the server aborts because of a deadlock is tried again.
 */
export async function startWriter(target: DatabaseConnection): Promise<Writer> {
  const connection = await connect(target);
  const [last] = await connection.query('SELECT max(batch) AS batch FROM zoo_moves').catch(async () => {
    await prepare(connection);
    return [{ batch: null }];
  });
  let batch = Number(last?.['batch'] ?? 0);
  const first = batch;
  let stopping = false;
  let failure: unknown;
  const pause = () => new Promise((resolve) => setTimeout(resolve, pauseMs(target)));
  const work = async () => {
    while (!stopping) {
      await move(connection, batch + 1);
      batch += 1;
      await pause();
    }
  };
  const done = work()
    .catch((error: unknown) => (failure = error))
    .then(() => connection.close().catch(() => undefined));
  return {
    get committed() {
      return batch - first;
    },
    async more(transactions) {
      const goal = batch + transactions;
      while (batch < goal && failure === undefined) await pause();
      if (failure !== undefined) throw failure;
    },
    async stop() {
      stopping = true;
      await done;
      if (failure !== undefined) throw failure;
    },
  };
}

async function move(connection: RawConnection, batch: number): Promise<void> {
  const from = (batch * 7) % ACCOUNTS;
  const to = (from + 1 + (batch % (ACCOUNTS - 1))) % ACCOUNTS;
  const delta = 1 + (batch % 13);
  await connection.query(connection.target.dialect === 'sqlite' ? 'BEGIN IMMEDIATE' : 'BEGIN');
  try {
    await connection.query(`UPDATE zoo_accounts SET amount = amount - ${delta} WHERE id = ${from}`);
    await connection.query(`INSERT INTO zoo_moves VALUES (${batch}, ${from}, ${-delta})`);
    await connection.query(`UPDATE zoo_accounts SET amount = amount + ${delta} WHERE id = ${to}`);
    await connection.query(`INSERT INTO zoo_moves VALUES (${batch}, ${to}, ${delta})`);
    await connection.query('COMMIT');
  } catch (error) {
    await connection.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

/** How one reads everything from one moment. */
const SNAPSHOT: Record<DatabaseConnection['dialect'], string> = {
  postgres: 'BEGIN ISOLATION LEVEL REPEATABLE READ',
  mysql: 'START TRANSACTION WITH CONSISTENT SNAPSHOT',
  mariadb: 'START TRANSACTION WITH CONSISTENT SNAPSHOT',
  sqlite: 'BEGIN',
};

/** @throws Error when the database holds half a transaction; returns the number of whole ones it holds. */
export async function checkInvariant(target: DatabaseConnection): Promise<number> {
  return withConnection(target, async (connection) => {
    await connection.query(SNAPSHOT[target.dialect]);
    const number = async (sql: string) => Number(Object.values((await connection.query(sql))[0] ?? {})[0]);
    const sum = await number('SELECT sum(amount) FROM zoo_accounts');
    if (sum !== ACCOUNTS * START_AMOUNT)
      throw new Error(`the accounts hold ${sum} instead of ${ACCOUNTS * START_AMOUNT}`);
    const halves = await number(
      `SELECT count(*) FROM (SELECT batch FROM zoo_moves GROUP BY batch HAVING count(*) <> 2 OR sum(delta) <> 0) broken`,
    );
    if (halves > 0) throw new Error(`${halves} transactions are there by half`);
    const drifted = await number(
      `SELECT count(*) FROM zoo_accounts a WHERE amount <> ${START_AMOUNT} +
         (SELECT coalesce(sum(delta), 0) FROM zoo_moves m WHERE m.account = a.id)`,
    );
    if (drifted > 0) throw new Error(`${drifted} accounts do not match their history`);
    const [count, last] = [
      await number('SELECT count(DISTINCT batch) FROM zoo_moves'),
      'SELECT max(batch) FROM zoo_moves',
    ];
    if (count !== (await number(last))) throw new Error('a transaction is missing in between');
    return count;
  });
}
