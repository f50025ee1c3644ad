import { LINES, LINES_FOR_ANY, type Regions, WHOLE_QUEUES } from './layout.ts'
import { addBelow, takeBack } from './ledger.ts'

/** Requests that wait for servers, in the lines that layout.ts lists; and the threads to notify of a free place. */
export class WaitingLines {
  readonly #waiting: Int32Array
  readonly #ledgers: Int32Array
  /** Whether the next free place goes to a request for that very server, rather than to one that any server may serve. */
  #ownTurn = true

  constructor({ waiting, waitingLedgers }: Regions) {
    this.#waiting = waiting
    this.#ledgers = waitingLedgers
  }

  /** Requests that wait for a server of that upstream, all workers together. */
  waiting(upstream: number): number {
    return Atomics.load(this.#waiting, WHOLE_QUEUES + upstream)
  }

  /** Requests that wait for that very server, all workers together. */
  waitingFor(server: number): number {
    return Atomics.load(this.#waiting, server)
  }

  /**
   * A worker's request begins to wait: for that server, or for any (undefined).
   *
   * @param most how many requests may wait for servers of the upstream, all workers together
   * @returns whether it may
   */
  beginWait(upstream: number, server: number | undefined, worker: number, most: number): boolean {
    if (!addBelow(this.#waiting, WHOLE_QUEUES + upstream, most)) return false
    this.#ledgers[worker * LINES + WHOLE_QUEUES + upstream]! += 1
    this.#count(lineOf(upstream, server), worker, 1)
    return true
  }

  endWait(upstream: number, server: number | undefined, worker: number): void {
    this.#count(lineOf(upstream, server), worker, -1)
    this.#count(WHOLE_QUEUES + upstream, worker, -1)
  }

  /** A request waits for another server than before, or for any. */
  moveWait(upstream: number, from: number | undefined, to: number | undefined, worker: number): void {
    this.#count(lineOf(upstream, from), worker, -1)
    this.#count(lineOf(upstream, to), worker, 1)
  }

  #count(line: number, worker: number, change: 1 | -1): void {
    Atomics.add(this.#waiting, line, change)
    this.#ledgers[worker * LINES + line]! += change
  }

  /** Ends all waits of a dead worker. */
  forget(worker: number): void {
    takeBack(this.#waiting, this.#ledgers, worker)
  }

  /**
   * Resolves once `wakeOne` notifies this thread of a place for that line. It may miss a place that became free before the
   * call: look for one after the call.
   */
  untilPlace(upstream: number, server: number | undefined): Promise<unknown> {
    return untilNotified(this.#waiting, lineOf(upstream, server))
  }

  /** That server has a place free: notifies one thread that has a request waiting for it. One load if none waits. */
  wakeOne(server: number, upstream: number): void {
    if (this.waiting(upstream) === 0) return
    const own = lineOf(upstream, server)
    const any = lineOf(upstream, undefined)
    const isOwnTurn = this.#ownTurn
    this.#ownTurn = !isOwnTurn
    if (!this.#wakeOneOf(isOwnTurn ? own : any)) this.#wakeOneOf(isOwnTurn ? any : own)
  }

  /** Notifies every thread that still listens for a place on that server, or on any of the upstream's (undefined). */
  wakeLine(upstream: number, server: number | undefined): void {
    Atomics.notify(this.#waiting, lineOf(upstream, server))
  }

  #wakeOneOf(line: number): boolean {
    return Atomics.load(this.#waiting, line) > 0 && Atomics.notify(this.#waiting, line, 1) > 0
  }
}

/** Resolves once this cell is notified after the call. */
export function untilNotified(cells: Int32Array, index: number): Promise<unknown> {
  for (;;) {
    const { async, value } = Atomics.waitAsync(cells, index, Atomics.load(cells, index))
    if (async) return value
  }
}

function lineOf(upstream: number, server: number | undefined): number {
  return server ?? LINES_FOR_ANY + upstream
}
