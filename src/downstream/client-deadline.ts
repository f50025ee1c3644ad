import { type Deadlines, Timed } from '../runtime/deadlines.ts'
import type { SocketWriter } from '../transport/socket-writer.ts'

/** What a client owes: the rest of a head, a next request, the rest of a body, to stay for an answer, or to read it. */
export type Owed = 'head' | 'next request' | 'body' | 'presence' | 'reading' | 'nothing'

/** Whom a client owes something. */
export interface Creditor {
  /** The client did not do it in time. */
  overdue(owed: Owed): void
}

/** What the client of one connection owes, and by when. */
export class ClientDeadline extends Timed {
  readonly #creditor: Creditor
  readonly #writer: SocketWriter
  readonly #deadlines: Deadlines
  #owed: Owed = 'nothing'
  /** How far the client had read when the deadline was set. */
  #progress = 0

  constructor(creditor: Creditor, writer: SocketWriter, deadlines: Deadlines) {
    super()
    this.#creditor = creditor
    this.#writer = writer
    this.#deadlines = deadlines
  }

  /** Gives `ms` for it (0: any time). Every byte of a body is a sign of life; for all else the deadline stands until something else is owed. */
  expect(owed: Owed, ms: number): void {
    if (owed === this.#owed && owed !== 'body') return
    this.#owed = owed
    this.#progress = this.#writer.progress
    this.#deadlines.set(this, ms)
  }

  /** What was owed has come: the same may be expected again. */
  met(): void {
    this.#owed = 'nothing'
  }

  /** Whether the client has read anything since the deadline was set. */
  get hasReadOn(): boolean {
    return this.#writer.progress !== this.#progress
  }

  remove(): void {
    this.#deadlines.remove(this)
  }

  override expire(): void {
    const owed = this.#owed
    this.#owed = 'nothing'
    this.#creditor.overdue(owed)
  }
}
