/** A thread that enters and leaves the same few sessions as other threads. */
import { parentPort, workerData } from 'node:worker_threads'
import { SessionTable } from '../../src/runtime/session-table.ts'

export interface Hammering {
  readonly memory: SharedArrayBuffer
  readonly thread: number
  readonly rounds: number
  readonly ids: readonly (readonly [high: number, low: number])[]
}

const { memory, thread, rounds, ids } = workerData as Hammering
const table = new SessionTable(memory)
const NOW = 1_700_000_000

let refused = 0
for (let round = 0; round < rounds; round++) {
  const [high, low] = ids[(round * 7919 + thread * 104_729) % ids.length]!
  const visit = table.enter(high, low, thread, NOW)
  if (visit < 0) refused++
  else if (round % 2 === 0) table.leave(visit, high, low, NOW)
  else {
    // Two exchanges of one session at once.
    const again = table.enter(high, low, thread, NOW)
    table.leave(visit, high, low, NOW)
    table.leave(again, high, low, NOW)
  }
}
parentPort!.postMessage(refused)
