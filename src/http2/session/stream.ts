import type { Head } from '../../http1/head.ts'
import { readTrailers } from '../../http1/trailers.ts'
import { ErrorCode } from '../error-code.ts'
import { MAX_WINDOW } from '../frames/setting.ts'
import { ByteQueue } from './byte-queue.ts'
import type { How } from './closed-streams.ts'

/** The receive window that each stream begins with, in bytes. */
export const STREAM_WINDOW = 64 * 1024
/** How large the window of a stream grows whose data is taken as it arrives. */
export const LARGEST_WINDOW = 256 * 1024

/** The user of a stream, which it notifies. Bytes and heads are valid during the call only. */
export interface StreamUser {
  /** Data that the peer has sent. */
  bodyBytes(bytes: Buffer, from: number, to: number): void
  /** The peer has ended its direction. */
  bodyEnded(trailers: Head | undefined): void
  /** What has arrived has been handed over, and may be sent on. Follows data and its end before any other call. */
  handedOver(): void
  /** Everything that was written has been sent. */
  drained(): void
  /** What the peer has sent breaks a rule of HTTP. The stream is reset once this returns; until then, it may be answered. */
  malformed(reason: string): void
  /**
   * The stream is over before both sides have ended it: the peer has reset it, or broken a rule, or the connection is lost.
   *
   * @param isUnprocessed whether the peer says that it has not processed any of it, so that it may be sent again
   */
  closed(code: ErrorCode, isUnprocessed: boolean): void
}

/** The session of a stream, as far as a stream needs it. */
export interface StreamSession {
  /** Whether the connection takes no more data now. */
  readonly isFull: boolean
  /** How much data the peer takes on all streams together. */
  readonly sendWindow: number
  /**
   * Writes as much of `bytes[from, to)` as the windows and the connection allow, in DATA frames.
   *
   * @returns the offset after what was written
   */
  writeData(stream: Stream, bytes: Buffer, from: number, to: number): number
  /** Marks the last frame that was written as the stream's end, or writes an empty one that is. */
  writeEnd(stream: Stream): void
  /** @param bytes has a head of HTTP/1.1 in `[from, to)` */
  writeHead(stream: Stream, bytes: Buffer, from: number, to: number, isLast: boolean): void
  writeTrailers(stream: Stream, trailers: Head): void
  writeReset(stream: Stream, code: ErrorCode): void
  /** Lets the peer send as much more on the stream. */
  writeCredit(stream: Stream, increment: number): void
  /** Data has left the memory of the connection, whose window opens again. */
  taken(bytes: number): void
  /** Has `sendKept` called as soon as more can be sent. */
  awaitRoom(stream: Stream): void
  /** Has what a stream was given sent on. */
  flushUser(): void
  /** The stream is over. */
  ended(stream: Stream, how: How): void
}

/**
 * A stream of HTTP/2 (RFC 9113 §5), the same for both ends of a connection. What the peer has no window for is kept; its writer
 * is to wait when `isBlocked`. What arrives while it is paused is kept, too, and bounded by the stream's receive window.
 */
export class Stream<User extends StreamUser = StreamUser> {
  readonly id: number
  /** Set before anything arrives on the stream. */
  user!: User
  readonly #session: StreamSession
  /** Whether both sides have ended it, or one has reset it. */
  isOver = false
  /** Whether the head of the peer's message has arrived. */
  hasHead = false
  /** How many bytes of data the peer may still be sent; negative where it has reduced its initial window (§6.9.2). */
  sendWindow: number
  /** Whether the stream waits in its session for room to send. */
  isAwaitingRoom = false
  /** What was written and has not been sent; undefined until there is anything. */
  #kept: ByteQueue | undefined
  /** Whether data is to be written only once the peer has a window for any. */
  #awaitsWindow = false
  /** Whether more is to be written only once the connection takes it. */
  #awaitsConnection = false
  /** Whether nothing is written after what is kept. */
  #isEnding = false
  #keptTrailers: Buffer | undefined
  /** Whether this end has sent the end of its direction. */
  hasEnded = false
  /** Bytes of data that have been sent. */
  sent = 0

  /** How much the peer may still send on this stream. */
  #receiveWindow = STREAM_WINDOW
  /** What the receive window is filled up to. */
  #largestWindow = STREAM_WINDOW
  /** Bytes that the user has taken, or that were padding, and for which the peer has no WINDOW_UPDATE yet. */
  #uncredited = 0
  #isPaused = true
  /** Whether data was held back since the window was last opened. */
  #wasHeld = false
  /** What has arrived while the stream was paused; undefined until there is anything. */
  #held: ByteQueue | undefined
  /** Whether the peer has ended its direction. */
  peerHasEnded = false
  /** Whether the user knows of the end, or does not want to. */
  #isEndKnown = false
  #heldTrailers: Buffer | undefined
  /** Whether the user wants nothing more of what the peer sends, and with which code the stream then ends early. */
  #isLeft = false
  #codeOfLeave: ErrorCode = ErrorCode.NoError
  /** What the peer's Content-Length says of its data that is still to come; -1 where there is none. */
  #announced = -1
  /** Bytes of data that have been handed over. */
  received = 0

  constructor(session: StreamSession, id: number, sendWindow: number) {
    this.#session = session
    this.id = id
    this.sendWindow = sendWindow
  }

  // ── what is sent ───────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Sends a head, or an interim response.
   *
   * @param bytes has a head of HTTP/1.1 in `[from, to)`; what means something in HTTP/1.1 only is left out
   * @param isLast whether nothing follows
   */
  head(bytes: Buffer, from: number, to: number, isLast: boolean): void {
    if (this.isOver) return
    this.#session.writeHead(this, bytes, from, to, isLast)
    if (isLast) this.#sentEnd()
  }

  data(bytes: Buffer, from: number, to: number): void {
    if (this.isOver || this.#isEnding) return
    const at = this.#hasKept ? from : this.#session.writeData(this, bytes, from, to)
    if (at === to) return
    this.#kept ??= new ByteQueue()
    this.#kept.add(bytes, at, to)
    this.#session.awaitRoom(this)
  }

  /** Sends a whole body, of bytes that never change, in place of `data`: what waits is not copied, however slow the peer is. */
  body(bytes: Buffer): void {
    if (this.isOver || this.#isEnding) return
    const at = this.#session.writeData(this, bytes, 0, bytes.length)
    if (at === bytes.length) return
    this.#kept = new ByteQueue()
    this.#kept.hold(bytes, at, bytes.length)
    this.#session.awaitRoom(this)
  }

  /** Nothing more is sent. A second call does nothing. */
  end(trailers?: Head): void {
    if (this.isOver || this.#isEnding || this.hasEnded) return
    this.#isEnding = true
    if (trailers !== undefined && trailers.count > 0)
      this.#keptTrailers = Buffer.from(trailers.bytes.subarray(trailers.nameStart(0), trailers.end))
    if (!this.#hasKept) this.#sendEnd()
  }

  /** Data follows. Where the peer has no window for any, `isBlocked` holds, so that none needs to be kept. */
  expectData(): void {
    if (this.isOver || this.sendWindow > 0) return
    this.#awaitsWindow = true
    this.#session.awaitRoom(this)
  }

  /** Other heads follow, for which no window is needed. Where the connection takes no more now, `isBlocked` holds. */
  expectHead(): void {
    if (this.isOver || !this.#session.isFull) return
    this.#awaitsConnection = true
    this.#session.awaitRoom(this)
  }

  /** How many bytes of data could be sent now. */
  get room(): number {
    return this.#session.isFull ? 0 : Math.min(this.sendWindow, this.#session.sendWindow)
  }

  /** Whether nothing more should be written until `drained`. */
  get isBlocked(): boolean {
    return this.#awaitsWindow || this.#awaitsConnection || this.#hasKept
  }

  get #hasKept(): boolean {
    return this.#kept !== undefined && this.#kept.length > 0
  }

  /** Sends what is kept, as far as there is room now. Returns whether that was all of it. */
  sendKept(): boolean {
    this.#awaitsConnection = false
    if (this.#awaitsWindow && this.sendWindow <= 0) return false
    this.#awaitsWindow = false
    const kept = this.#kept
    if (kept !== undefined) {
      kept.from = this.#session.writeData(this, kept.bytes, kept.from, kept.to)
      if (kept.length > 0) return false
      kept.clear()
    }
    if (this.#isEnding && !this.hasEnded) this.#sendEnd()
    this.user.drained()
    return true
  }

  #sendEnd(): void {
    const trailers = this.#keptTrailers
    if (trailers === undefined) this.#session.writeEnd(this)
    else this.#session.writeTrailers(this, readTrailers(trailers))
    this.#keptTrailers = undefined
    this.#sentEnd()
  }

  #sentEnd(): void {
    this.#isEnding = true
    this.hasEnded = true
    this.#awaitsWindow = this.#awaitsConnection = false
    if (this.peerHasEnded) this.#over('whole')
    // The peer need not go on (RFC 9113 §8.1).
    else if (this.#isLeft) this.reset(this.#codeOfLeave)
  }

  /** Ends the stream at once: the peer learns that it is not whole, or, with NO_ERROR, that no more of it is wanted. */
  reset(code: ErrorCode): void {
    if (this.isOver) return
    this.#session.writeReset(this, code)
    this.#over('reset here')
  }

  /** What the peer still sends is not wanted any more. Once this end has sent all of its own, the stream is over. */
  leave(): void {
    this.#isLeft = true
    this.#isEndKnown = true
    this.#dropHeld()
    if (this.hasEnded && !this.isOver) this.reset(this.#codeOfLeave)
  }

  #over(how: How): void {
    this.isOver = true
    this.#kept = undefined
    this.#awaitsWindow = this.#awaitsConnection = false
    this.#keptTrailers = undefined
    if (how !== 'whole') {
      this.#isEndKnown = true
      this.#dropHeld()
    }
    this.#session.ended(this, how)
  }

  // ── what is received ───────────────────────────────────────────────────────────────────────────────────────────

  /** The data of the peer's message has that length: any other is malformed (RFC 9113 §8.1.1). */
  announce(length: number): void {
    this.#announced = length
  }

  /** Hands over what has arrived, perhaps before this returns, and what arrives from now on. A new stream is paused. */
  resume(): void {
    this.#isPaused = false
    const held = this.#held
    const isEndNews = this.peerHasEnded && !this.#isEndKnown
    if (held === undefined && !isEndNews) return this.#credit(0)
    this.#held = undefined
    if (held !== undefined) this.#handOver(held.bytes, held.from, held.to)
    if (this.peerHasEnded && !this.#isEndKnown && !this.#isPaused) this.#tellEnd(this.#heldTrailers)
    this.user.handedOver()
  }

  pause(): void {
    this.#isPaused = true
  }

  /**
   * A DATA frame begins.
   *
   * @param length what counts for flow control
   * @returns whether its data is wanted
   */
  dataBegins(length: number): boolean {
    if (length > this.#receiveWindow) {
      this.#session.taken(length)
      this.fail(ErrorCode.FlowControlError)
      return false
    }
    this.#receiveWindow -= length
    return true
  }

  /** Data arrives. */
  receive(bytes: Buffer, from: number, to: number): void {
    if (this.isOver || this.#isLeft) return this.#session.taken(to - from)
    if (this.#announced >= 0) {
      this.#announced -= to - from
      if (this.#announced < 0) {
        this.#session.taken(to - from)
        return this.breakOff('there is more data than Content-Length says')
      }
    }
    if (!this.#isPaused) return this.#handOver(bytes, from, to)
    this.#wasHeld = true
    this.#held ??= new ByteQueue()
    this.#held.add(bytes, from, to)
  }

  /** Bytes that count for flow control and are nobody's data. */
  receivePadding(length: number): void {
    this.#session.taken(length)
    this.#credit(length)
  }

  /**
   * The peer has ended its direction.
   *
   * @param trailers field lines of HTTP/1.1 with the empty line at their end; undefined for none
   */
  receiveEnd(trailers: Buffer | undefined): void {
    if (this.isOver) return
    if (this.#announced > 0) return this.breakOff('there is less data than Content-Length says')
    this.peerHasEnded = true
    if (!this.#isEndKnown) {
      if (!this.#isPaused) this.#tellEnd(trailers)
      else if (trailers !== undefined) this.#heldTrailers = Buffer.from(trailers)
    }
    if (this.hasEnded && !this.isOver) this.#over('whole')
  }

  #tellEnd(trailers: Buffer | undefined): void {
    this.#isEndKnown = true
    this.#heldTrailers = undefined
    this.user.bodyEnded(trailers && readTrailers(trailers))
  }

  #handOver(bytes: Buffer, from: number, to: number): void {
    this.received += to - from
    this.#session.taken(to - from)
    this.user.bodyBytes(bytes, from, to)
    this.#credit(to - from)
  }

  /** Opens the window again once half of it has been used; wider, where nothing was held back. */
  #credit(bytes: number): void {
    this.#uncredited += bytes
    if (this.isOver || this.peerHasEnded || this.#isPaused || this.#uncredited < this.#largestWindow / 2) return
    let increment = this.#uncredited
    if (!this.#wasHeld && this.#largestWindow < LARGEST_WINDOW) {
      increment += this.#largestWindow
      this.#largestWindow *= 2
    }
    this.#wasHeld = false
    this.#uncredited = 0
    this.#receiveWindow += increment
    this.#session.writeCredit(this, increment)
  }

  #dropHeld(): void {
    const held = this.#held
    this.#held = undefined
    this.#heldTrailers = undefined
    if (held !== undefined) this.#session.taken(held.length)
  }

  // ── the end ────────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * The peer opens the send window.
   *
   * @returns whether it may be that large
   */
  widen(increment: number): boolean {
    if (this.sendWindow + increment > MAX_WINDOW) return false
    this.sendWindow += increment
    return true
  }

  /** The peer's message is malformed (RFC 9113 §8.1.1). */
  breakOff(reason: string): void {
    if (this.isOver || this.#isLeft) return
    this.#codeOfLeave = ErrorCode.ProtocolError
    this.#isEndKnown = true
    this.#dropHeld()
    this.#session.flushUser()
    this.user.malformed(reason)
    if (!this.#isLeft) this.reset(ErrorCode.ProtocolError)
  }

  /** The peer has broken a rule of the stream: resets it. */
  fail(code: ErrorCode): void {
    if (this.isOver) return
    this.#session.flushUser()
    this.reset(code)
    this.user.closed(code, false)
  }

  /** The peer has reset the stream, or the connection is lost. */
  close(code: ErrorCode, isUnprocessed: boolean): void {
    if (this.isOver) return
    this.#over('reset by peer')
    this.user.closed(code, isUnprocessed)
  }
}
