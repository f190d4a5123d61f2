import { toSafekeepError } from '../errors';

/** Number of files processed at once; hides the latency of small ones. */
const PARALLEL = 8;

/**
 * Processes all items, several at a time. The first failure stops the others, and all have stopped when it is thrown: the
 * caller can then remove the folder they worked in.
 */
export async function inParallel<Item>(
  items: Iterable<Item> | AsyncIterable<Item>,
  aborted: AbortSignal,
  work: (item: Item, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const waiting = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  const stop = new AbortController();
  const signal = AbortSignal.any([aborted, stop.signal]);
  let failure: unknown;
  const worker = async () => {
    try {
      for (let next = await waiting.next(); !next.done; next = await waiting.next()) {
        signal.throwIfAborted();
        await work(next.value, signal);
      }
    } catch (error) {
      failure ??= error;
      stop.abort();
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
  await waiting.return?.();
  if (failure !== undefined) throw toSafekeepError(failure);
}
