/**
 * What workers count together, and each worker's part of it: its ledger, which says what to take back when it dies. The
 * shared counts change atomically; a ledger is written by its worker only.
 */

/**
 * Adds 1 to a shared count that is below the limit. It never exceeds the limit, not even for a moment: a thread that looked
 * then would wait for a place that nothing gives back.
 *
 * @returns whether it was below
 */
export function addBelow(counts: Int32Array, index: number, limit: number): boolean {
  let before = Atomics.load(counts, index)
  while (before < limit) {
    const found = Atomics.compareExchange(counts, index, before, before + 1)
    if (found === before) return true
    before = found
  }
  return false
}

/** Takes a dead worker's part out of all shared counts. */
export function takeBack(counts: Int32Array, ledgers: Int32Array, worker: number): void {
  const ledger = ledgers.subarray(worker * counts.length, (worker + 1) * counts.length)
  for (let index = 0; index < counts.length; index++) {
    const part = ledger[index]!
    if (part === 0) continue
    Atomics.sub(counts, index, part)
    ledger[index] = 0
  }
}
