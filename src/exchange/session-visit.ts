import type { Session } from '../affinity/affinity.ts'
import type { SessionTable } from '../runtime/session-table.ts'

/** An exchange of a session on a server: until `end`, the session's entry in the table counts it as in flight. */
export class SessionVisit {
  readonly #table: SessionTable
  /** The entry in the table. */
  readonly #entry: number
  readonly #high: number
  readonly #low: number
  /** The server's slot. */
  readonly #server: number

  private constructor(table: SessionTable, entry: number, { high, low }: Session, server: number) {
    this.#table = table
    this.#entry = entry
    this.#high = high
    this.#low = low
    this.#server = server
  }

  /** Records in the table that the session is on that server; undefined if the table has no room for it. */
  static begin(table: SessionTable, session: Session, server: number, seconds: number): SessionVisit | undefined {
    const entry = table.enter(session.high, session.low, server, seconds)
    return entry < 0 ? undefined : new SessionVisit(table, entry, session, server)
  }

  /** Moves the session to another server, where the exchange counts; undefined if it stays (`SessionTable.move`). */
  static move(
    table: SessionTable,
    session: Session,
    from: number,
    to: number,
    unseenFor: number,
    seconds: number,
  ): SessionVisit | undefined {
    const entry = table.move(session.high, session.low, from, to, unseenFor, seconds)
    return entry < 0 ? undefined : new SessionVisit(table, entry, session, to)
  }

  /** Whether it is of that session, on that server. */
  isOf({ high, low }: Session, server: number): boolean {
    return server === this.#server && high === this.#high && low === this.#low
  }

  end(seconds: number): void {
    this.#table.leave(this.#entry, this.#high, this.#low, seconds)
  }
}
