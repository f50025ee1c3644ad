import { ConnectionError } from '../error-code.ts'
import type { FrameReader } from '../frames/frame-reader.ts'

/** What may be read in one turn of the event loop, in frames that cost nothing more, so that other connections have their turn. */
const MOST_COST = 256

const NOTHING = Buffer.alloc(0)

/** The connection whose bytes are read. */
export interface IntakeConnection {
  /** No more bytes may be read until `readOn`. */
  holdReading(): void
  readOn(): void
  /** Calls `Session.readOn` when there is time for what waits to be read. */
  awaitTime(): void
}

/** The session whose frames are read. */
export interface IntakeSession {
  readonly isOver: boolean
  /** Whether more may be read now. */
  readonly mayRead: boolean
  /** Whether so much was read for nothing that more is read only when there is time. */
  readonly isWasteful: boolean
  /** Calls `Intake.turnEnds` at the end of this turn of the event loop. */
  awaitTurnEnd(): void
  /** What was read has been handed over, and has cost so much. */
  hasRead(cost: number): void
  fail(error: ConnectionError): void
}

/** What arrives for a session: as much is read at once as its cost allows, and the rest waits here. */
export class Intake {
  readonly #reader: FrameReader
  readonly #session: IntakeSession
  readonly #connection: IntakeConnection
  #unread = NOTHING
  isReading = false

  constructor(reader: FrameReader, session: IntakeSession, connection: IntakeConnection) {
    this.#reader = reader
    this.#session = session
    this.#connection = connection
    reader.mostCost = MOST_COST
  }

  /** Whether more has arrived than may be read at once. */
  get isBehind(): boolean {
    return this.#unread.length > 0
  }

  /** What is being read costs more than its frame. */
  charge(cost: number): void {
    this.#reader.cost += cost
  }

  /** Nothing is read beyond the current frame, until the end of the turn. */
  stop(): void {
    this.#reader.mostCost = 0
  }

  /** @param bytes reused once this has returned */
  read(bytes: Buffer): void {
    if (this.isBehind) {
      this.#unread = Buffer.concat([this.#unread, bytes])
      return
    }
    const session = this.#session
    const at = session.mayRead && !session.isWasteful ? this.#readFrames(bytes) : 0
    if (at === bytes.length || session.isOver) return
    this.#unread = Buffer.from(bytes.subarray(at))
    this.#connection.holdReading()
    session.awaitTurnEnd()
    this.awaitTime()
  }

  /**
   * Reads some of what waits. If more is left then, it waits again.
   *
   * @param cost about what may be read, in frames
   */
  readOn(cost = MOST_COST): void {
    if (!this.isBehind || !this.#session.mayRead) return
    this.#reader.cost = 0
    this.#reader.mostCost = cost
    const at = this.#readFrames(this.#unread)
    if (this.#session.isOver) return
    this.#unread = at === this.#unread.length ? NOTHING : this.#unread.subarray(at)
    if (this.isBehind) this.awaitTime()
    else this.#connection.readOn()
  }

  /** What waits may perhaps be read now. */
  awaitTime(): void {
    if (this.isBehind && this.#session.mayRead) this.#connection.awaitTime()
  }

  turnEnds(): void {
    this.#reader.cost = 0
    this.#reader.mostCost = MOST_COST
  }

  /** Nothing more is read. */
  end(): void {
    this.#reader.stop()
    this.#unread = NOTHING
  }

  /** Returns the offset after what was read. */
  #readFrames(bytes: Buffer): number {
    const before = this.#reader.cost
    let at = bytes.length
    this.isReading = true
    try {
      at = this.#reader.read(bytes)
      this.#session.hasRead(this.#reader.cost - before)
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error
      this.#session.fail(error)
    }
    this.isReading = false
    return at
  }
}
