import type { ConnectionObserver } from '../observability/connection-observer.ts'
import { WorkerCell } from '../runtime/tallies/layout.ts'
import type { Tally } from '../runtime/tally.ts'

/** Counts the connections of clients, and their TLS handshakes. */
export class ConnectionTally implements ConnectionObserver {
  readonly #cells: Float64Array

  constructor({ worker }: Tally) {
    this.#cells = worker
  }

  accepted(): void {
    this.#cells[WorkerCell.Connections]!++
  }

  secured(isResumed: boolean): void {
    this.#cells[isResumed ? WorkerCell.HandshakesResumed : WorkerCell.HandshakesFull]!++
  }

  handshakeFailed(): void {
    this.#cells[WorkerCell.HandshakesFailed]!++
  }
}
