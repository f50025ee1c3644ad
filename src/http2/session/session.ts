import { ConnectionError, ErrorCode } from '../error-code.ts'
import { FrameReader } from '../frames/frame-reader.ts'
import type { FrameSink, Role } from '../frames/frame-sink.ts'
import { writePing, writeSettings, writeSettingsAck, writeWindowUpdate } from '../frames/frame-writer.ts'
import { DEFAULT_FRAME_SIZE, DEFAULT_WINDOW, MAX_WINDOW, Setting } from '../frames/setting.ts'
import { TrailerLines } from '../heads/trailer-lines.ts'
import { HpackDecoder } from '../hpack/decoder.ts'
import { ClosedStreams, type How } from './closed-streams.ts'
import { Intake, type IntakeConnection, type IntakeSession } from './intake.ts'
import { LARGEST_DATA, type SessionConnection, SessionWriter } from './session-writer.ts'
import { STREAM_WINDOW, Stream, type StreamSession, type StreamUser } from './stream.ts'

/** The receive window of a client's connection, in bytes. */
export const CONNECTION_WINDOW = 1024 * 1024
/** The largest field block of a peer, in bytes, compressed, with the headers of its frames; of what fits, the limits of heads decide. */
const LARGEST_BLOCK = 256 * 1024

const NOTHING = Buffer.alloc(0)
const trailerLines = new TrailerLines()

/** The connection of a session, which the session uses and notifies. */
export interface SessionOwner extends SessionConnection, IntakeConnection {
  /** How large the head of a message may be, in bytes. */
  readonly headSize: number
  /** The peer has answered `Session.ping`. */
  pong(): void
  /** The peer accepts no more streams. */
  peerWentAway(code: ErrorCode): void
  /** The session is over, because of an error; what was written says so to the peer. Its streams have been closed. */
  failed(error: ConnectionError): void
}

/**
 * One connection of HTTP/2 (RFC 9113), without its socket: reads frames and keeps their order, states, windows and settings. All that is
 * written within one turn of the event loop is sent together. What differs between the two ends is in ServerSession and ClientSession.
 */
export abstract class Session<User extends StreamUser = StreamUser>
  extends SessionWriter
  implements FrameSink, IntakeSession, StreamSession
{
  protected readonly owner: SessionOwner
  protected readonly decoder = new HpackDecoder()
  protected readonly streams = new Map<number, Stream<User>>()
  protected readonly closed = new ClosedStreams()
  protected readonly intake: Intake
  /** The highest number of a stream that the client of the connection has opened. */
  protected lastId = 0

  #peerStreamWindow = DEFAULT_WINDOW
  /** As in the SETTINGS frame being read. */
  #nextStreamWindow = DEFAULT_WINDOW

  /** How much data the peer may still send. */
  #receiveWindow: number
  /** The receive window of the connection, in bytes: no more of what its peer sends can wait here. */
  readonly #window: number
  /** Bytes that have left the connection's memory, and for which the peer has no WINDOW_UPDATE yet. */
  #uncredited = 0
  /** The stream that the current DATA frame is for, and its bytes that count for flow control and are not data. */
  #current: Stream<User> | undefined
  #padding = 0
  /** The stream whose user has been given data, and must be told to send it on. */
  #unflushed: Stream<User> | undefined
  /** Whether the peer has acknowledged the settings of this end. */
  isSettled = false

  constructor(role: Role, owner: SessionOwner, window = CONNECTION_WINDOW) {
    super(role, owner)
    this.owner = owner
    this.#window = this.#receiveWindow = window
    const reader = new FrameReader(this, role, { frameSize: DEFAULT_FRAME_SIZE, headerBlock: LARGEST_BLOCK })
    this.intake = new Intake(reader, this, owner)
  }

  /** Sends this end's settings; first of all. */
  protected open(settings: readonly (readonly [id: number, value: number])[], preface = NOTHING): void {
    const out = this.output()
    out.write(preface)
    writeSettings(out, [...settings, [Setting.InitialWindowSize, STREAM_WINDOW]])
    writeWindowUpdate(out, 0, this.#window - DEFAULT_WINDOW)
  }

  /** Whether it has no streams. */
  get isIdle(): boolean {
    return this.streams.size === 0
  }

  /** How many streams are open. */
  get size(): number {
    return this.streams.size
  }

  // ── what is read ───────────────────────────────────────────────────────────────────────────────────────────────

  /** @param bytes reused once this has returned */
  read(bytes: Buffer): void {
    this.intake.read(bytes)
  }

  /**
   * Reads some of what waits. If more is left then, `SessionOwner.awaitTime` follows.
   *
   * @param cost about what may be read, in frames
   */
  readOn(cost?: number): void {
    this.intake.readOn(cost)
  }

  /** Whether more has arrived than may be read at once. */
  get isBehind(): boolean {
    return this.intake.isBehind
  }

  /** Not while the peer does not read what it is answered. */
  get mayRead(): boolean {
    return this.isHeeded
  }

  get isWasteful(): boolean {
    return false
  }

  hasRead(_cost: number): void {
    this.flushUser()
  }

  /** Before any other call to users or the owner, since they write into the same memory. */
  flushUser(): void {
    const stream = this.#unflushed
    if (stream === undefined) return
    this.#unflushed = undefined
    stream.user.handedOver()
  }

  dataBegins(streamId: number, length: number): boolean {
    this.#receiveWindow -= length
    if (this.#receiveWindow < 0)
      throw new ConnectionError(
        ErrorCode.FlowControlError,
        'there is more data than the window of the connection allows',
      )
    const stream = this.streams.get(streamId)
    if (stream !== this.#unflushed) this.flushUser()
    this.#current = stream
    this.#padding = length
    if (stream === undefined) {
      this.taken(length)
      this.judgeLate(streamId, 'DATA')
      return false
    }
    if (stream.peerHasEnded) {
      this.taken(length)
      this.#fail(stream, ErrorCode.StreamClosed)
      return false
    }
    if (stream.hasHead) return stream.dataBegins(length)
    this.taken(length)
    stream.breakOff('there is data before the head')
    return false
  }

  /** A frame came for a stream that is not open: perhaps before its peer knew that. */
  protected judgeLate(streamId: number, type: string): void {
    if (this.isUnopened(streamId))
      throw new ConnectionError(ErrorCode.ProtocolError, `${type} is for a stream that is not open`)
    if (this.closed.how(streamId) !== 'reset here') this.answerReset(streamId, ErrorCode.StreamClosed)
  }

  data(_streamId: number, bytes: Buffer, from: number, to: number): void {
    const stream = this.#current!
    this.#padding -= to - from
    stream.receive(bytes, from, to)
    this.#unflushed = stream
  }

  dataEnds(_streamId: number, isLast: boolean): void {
    const stream = this.#current!
    this.#current = undefined
    if (this.#padding > 0) stream.receivePadding(this.#padding)
    if (!isLast) return
    this.#unflushed = stream
    stream.receiveEnd(undefined)
  }

  /** Whether no stream with that number has been opened, so that frames for it are an error of the connection. */
  protected isUnopened(streamId: number): boolean {
    return streamId > this.lastId || (streamId & 1) === 0
  }

  headers(streamId: number, block: Buffer, from: number, to: number, isLast: boolean, dependsOn: number): void {
    this.flushUser()
    this.receiveHeaders(streamId, this.streams.get(streamId), block, from, to, isLast)
    if (dependsOn === streamId) this.failStream(streamId, ErrorCode.ProtocolError)
  }

  /** A whole field block has arrived, on a stream that may not exist. */
  protected abstract receiveHeaders(
    streamId: number,
    stream: Stream<User> | undefined,
    block: Buffer,
    from: number,
    to: number,
    isLast: boolean,
  ): void

  protected receiveTrailers(stream: Stream<User>, block: Buffer, from: number, to: number, isLast: boolean): void {
    trailerLines.begin(this.owner.headSize)
    this.decoder.decode(block, from, to, trailerLines)
    trailerLines.finish()
    if (stream.peerHasEnded) return this.#fail(stream, ErrorCode.StreamClosed)
    if (!isLast) return stream.breakOff('there are fields in the middle of the body')
    if (trailerLines.fault !== '') return stream.breakOff(trailerLines.fault)
    if (trailerLines.isTooLarge) return stream.breakOff('the trailers are too large')
    this.receiveEnd(stream, trailerLines.bytes.subarray(0, trailerLines.length))
  }

  protected receiveEnd(stream: Stream<User>, trailers?: Buffer): void {
    stream.receiveEnd(trailers)
    this.#unflushed = stream
    this.flushUser()
  }

  priority(streamId: number, dependsOn: number): void {
    if (streamId === dependsOn) this.failStream(streamId, ErrorCode.ProtocolError)
  }

  rstStream(streamId: number, code: ErrorCode): void {
    this.flushUser()
    const stream = this.streams.get(streamId)
    if (stream !== undefined) return stream.close(code, code === ErrorCode.RefusedStream)
    if (this.isUnopened(streamId))
      throw new ConnectionError(ErrorCode.ProtocolError, 'RST_STREAM is for a stream that is not open')
  }

  setting(id: number, value: number): void {
    switch (id) {
      case Setting.HeaderTableSize:
        return this.encoder.setMaxTableSize(value)
      case Setting.InitialWindowSize:
        this.#nextStreamWindow = value
        return
      case Setting.MaxFrameSize:
        this.peerFrameSize = Math.min(value, LARGEST_DATA)
        return
    }
  }

  settingsEnd(isAck: boolean): void {
    this.flushUser()
    if (isAck) {
      this.isSettled = true
      return
    }
    this.#resizeStreams()
    writeSettingsAck(this.output())
    this.answered(9)
  }

  /** The windows of all streams change by the difference, and may become negative (§6.9.2). */
  #resizeStreams(): void {
    const difference = this.#nextStreamWindow - this.#peerStreamWindow
    if (difference === 0) return
    this.#peerStreamWindow = this.#nextStreamWindow
    for (const stream of this.streams.values()) {
      if (!stream.widen(difference))
        throw new ConnectionError(ErrorCode.FlowControlError, 'a window is larger than 2^31 - 1')
    }
    this.findRoom()
  }

  protected override answered(bytes: number): void {
    super.answered(bytes)
    if (!this.isHeeded) this.intake.stop()
  }

  ping(isAck: boolean, bytes: Buffer, from: number): void {
    if (isAck) {
      this.flushUser()
      return this.owner.pong()
    }
    writePing(this.output(), true, bytes, from)
    this.answered(17)
  }

  goAway(lastStreamId: number, code: ErrorCode): void {
    this.flushUser()
    this.peerGoesAway(lastStreamId)
    this.owner.peerWentAway(code)
  }

  /** Streams with higher numbers have not been processed, and will not be. */
  protected peerGoesAway(_lastStreamId: number): void {}

  windowUpdate(streamId: number, increment: number): void {
    if (streamId === 0) {
      this.sendWindow += increment
      if (this.sendWindow > MAX_WINDOW)
        throw new ConnectionError(ErrorCode.FlowControlError, 'the window of the connection is larger than 2^31 - 1')
      return this.findRoom()
    }
    const stream = this.streams.get(streamId)
    if (stream === undefined) {
      if (!this.isUnopened(streamId)) return
      throw new ConnectionError(ErrorCode.ProtocolError, 'WINDOW_UPDATE is for a stream that is not open')
    }
    if (!stream.widen(increment)) return this.#fail(stream, ErrorCode.FlowControlError)
    if (stream.isAwaitingRoom) this.findRoom()
  }

  streamError(streamId: number, code: ErrorCode, _reason: string): void {
    this.failStream(streamId, code)
  }

  /** A frame for that stream, whatever its state, breaks a rule. */
  protected failStream(streamId: number, code: ErrorCode): void {
    if (this.isUnopened(streamId))
      throw new ConnectionError(code, 'a frame for a stream that is not open breaks a rule')
    const stream = this.streams.get(streamId)
    if (stream !== undefined) return this.#fail(stream, code)
    if (this.closed.how(streamId) !== 'reset here') this.answerReset(streamId, code)
  }

  #fail(stream: Stream<User>, code: ErrorCode): void {
    this.flushUser()
    stream.fail(code)
  }

  // ── turns of the event loop ────────────────────────────────────────────────────────────────────────────────────

  /** Must be called at the end of a turn of the event loop in which `awaitTurnEnd` was. */
  turnEnds(): void {
    this.intake.turnEnds()
    this.sendTurn()
    this.freePlaces()
    this.intake.awaitTime()
    this.send()
  }

  /** The connection has sent everything. */
  drained(): void {
    this.sendOn()
    this.intake.awaitTime()
    this.send()
  }

  /** A turn of the event loop ends: what was cancelled in it has been closed. */
  protected freePlaces(): void {}

  // ── streams ────────────────────────────────────────────────────────────────────────────────────────────────────

  taken(bytes: number): void {
    this.#uncredited += bytes
    if (this.#uncredited < this.#window / 4 || this.isOver) return
    writeWindowUpdate(this.output(), 0, this.#uncredited)
    this.#receiveWindow += this.#uncredited
    this.#uncredited = 0
  }

  /** Resets a stream of the peer that has not been opened here. */
  protected rejectStream(streamId: number, code: ErrorCode): void {
    this.closed.add(streamId, 'reset here')
    this.answerReset(streamId, code)
  }

  protected makeStream(streamId: number): Stream<User> {
    const stream = new Stream<User>(this, streamId, this.#peerStreamWindow)
    this.streams.set(streamId, stream)
    return stream
  }

  ended(stream: Stream, how: How): void {
    this.streams.delete(stream.id)
    this.closed.add(stream.id, how)
    // Nothing follows that could be sent together with it.
    if (this.streams.size === 0 && !this.intake.isReading) this.send()
    this.awaitTurnEnd()
  }

  // ── the end ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Ends the session with an error, and all of its streams. */
  fail(error: ConnectionError): void {
    if (this.isOver) return
    // What its user has written is in memory that others write into next.
    this.flushUser()
    this.writeGoAway(this.lastPeerId, error.code, error.message)
    this.send()
    this.close(error.code)
    this.owner.failed(error)
  }

  /** The last stream of the peer that this end has processed. */
  protected abstract get lastPeerId(): number

  /** The connection is closed: ends all streams. What was written is not sent any more. */
  close(code: ErrorCode = ErrorCode.Cancel): void {
    if (this.isOver) return
    this.isOver = true
    this.intake.end()
    this.#unflushed = undefined
    this.dropOutput()
    for (const stream of [...this.streams.values()]) stream.close(code, false)
  }
}
