import type { Scratch } from '../../transport/scratch.ts'
import { ConnectionError, ErrorCode } from '../error-code.ts'
import { MAX_WINDOW, Setting } from '../frames/setting.ts'
import { RequestLines } from '../heads/request-lines.ts'
import type { How } from './closed-streams.ts'
import { Session, type SessionOwner } from './session.ts'
import type { Stream } from './stream.ts'
import { Waste } from './waste.ts'

/** How many streams a client may have open at once. */
export const MOST_STREAMS = 128

/** What a request costs more than an empty frame does, and its end before it is answered. */
const REQUEST = 16
/** So many bytes of a field block cost as much as a frame: each can stand for a field. */
const BLOCK_UNIT = 128
/** An update that opens a window at least so far, in bytes, is worth its frame. */
const USEFUL_INCREMENT = 1024

/** The largest number of a stream. */
const LAST_ID = MAX_WINDOW

const request = new RequestLines()

export interface ServerSessionOwner extends SessionOwner {
  /**
   * A client begins a request; the stream needs a user before this returns.
   *
   * @param request valid during the call only; it may be malformed or too large
   * @param isWhole whether no body follows
   * @param isFickle whether the client is likely to cancel it; if it has not by the end of the turn, `StreamUser.handedOver` follows
   */
  begin(stream: Stream, request: RequestLines, isWhole: boolean, isFickle: boolean): void
}

/** The session of a client's connection, at its server. */
export class ServerSession extends Session {
  declare protected readonly owner: ServerSessionOwner
  /** Streams that were reset since the last turn of the event loop: what they have begun is still being closed. */
  #cancelled = 0
  readonly #waste = new Waste()
  /** The streams of a wasteful client that have begun since the last turn of the event loop. */
  readonly #fickle: Stream[] = []
  /** Whether streams that begin are refused. */
  #isLeaving = false
  /** The last stream that was accepted. */
  #lastAccepted = 0

  /** @param owner set up to be called from now on */
  constructor(owner: ServerSessionOwner) {
    super('server', owner)
  }

  /** Sends the settings of this end. */
  begin(): void {
    this.open([
      [Setting.MaxConcurrentStreams, MOST_STREAMS],
      [Setting.MaxHeaderListSize, this.owner.headSize],
      [Setting.EnableConnectProtocol, 1],
    ])
  }

  protected override receiveHeaders(
    streamId: number,
    known: Stream | undefined,
    block: Buffer,
    from: number,
    to: number,
    isLast: boolean,
  ): void {
    if (known !== undefined) return this.receiveTrailers(known, block, from, to, isLast)
    const cost = REQUEST + Math.floor((to - from) / BLOCK_UNIT)
    this.intake.charge(cost)
    request.begin(this.owner.headSize)
    this.decoder.decode(block, from, to, request)
    request.finish()
    if (!this.isUnopened(streamId)) return this.#judgeClosed(streamId)
    if ((streamId & 1) === 0) throw new ConnectionError(ErrorCode.ProtocolError, 'the number of a stream is even')
    this.lastId = streamId
    if (this.#isLeaving || this.streams.size >= MOST_STREAMS)
      return this.rejectStream(streamId, ErrorCode.RefusedStream)
    this.#lastAccepted = streamId
    const stream = this.makeStream(streamId)
    stream.hasHead = true
    if (isLast) stream.receiveEnd(undefined)
    // An answer to any other cannot be sent now.
    if (request.fault === '' && !request.isTooLarge && stream.room > 0) this.#waste.useful(cost)
    const isFickle = this.isWasteful
    if (isFickle && this.#fickle.push(stream) === 1) this.awaitTurnEnd()
    this.owner.begin(stream, request, isLast, isFickle)
  }

  /** HEADERS for a stream that is over. */
  #judgeClosed(streamId: number): void {
    switch (this.closed.how(streamId)) {
      case 'reset here':
        return
      case 'reset by peer':
        return this.answerReset(streamId, ErrorCode.StreamClosed)
      case 'whole':
        throw new ConnectionError(ErrorCode.StreamClosed, 'HEADERS is for a stream that is closed')
      default:
        throw new ConnectionError(
          ErrorCode.ProtocolError,
          'the number of a stream is lower than that of an earlier one',
        )
    }
  }

  override data(streamId: number, bytes: Buffer, from: number, to: number): void {
    this.#waste.useful(1)
    super.data(streamId, bytes, from, to)
  }

  override windowUpdate(streamId: number, increment: number): void {
    if (increment >= USEFUL_INCREMENT) this.#waste.useful(1)
    super.windowUpdate(streamId, increment)
  }

  /** A client that cancels what it has just asked for, again and again, has to wait until that is closed. */
  override get mayRead(): boolean {
    return super.mayRead && (this.#cancelled === 0 || this.streams.size + this.#cancelled < MOST_STREAMS)
  }

  override ended(stream: Stream, how: How): void {
    if (how !== 'whole') {
      this.#cancelled++
      this.#waste.useful(-REQUEST)
      this.intake.charge(REQUEST)
      if (!this.mayRead) this.intake.stop()
    }
    super.ended(stream, how)
  }

  override turnEnds(): void {
    for (const stream of this.#fickle) if (!stream.isOver) stream.user.handedOver()
    this.#fickle.length = 0
    super.turnEnds()
  }

  protected override freePlaces(): void {
    this.#cancelled = 0
  }

  override hasRead(cost: number): void {
    super.hasRead(cost)
    this.#waste.add(cost)
  }

  override get isWasteful(): boolean {
    return this.#waste.isTooMuch
  }

  protected override encodeHead(out: Scratch, bytes: Buffer, from: number, to: number): void {
    this.encoder.response(out, bytes, from, to)
  }

  /**
   * Asks the client to begin no more streams here. Those that it has already sent are still accepted: after a round trip
   * (`sendPing`), `leave` says which these were (RFC 9113 §6.8).
   */
  announceEnd(): void {
    this.writeGoAway(LAST_ID, ErrorCode.NoError)
    this.sendPing()
  }

  /** Accepts no more streams, and says so. */
  leave(code: ErrorCode, reason?: string): void {
    this.#isLeaving = true
    this.writeGoAway(this.#lastAccepted, code, reason)
  }

  protected override get lastPeerId(): number {
    return this.#lastAccepted
  }
}
