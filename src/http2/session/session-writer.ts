import type { Head } from '../../http1/head.ts'
import type { Scratch } from '../../transport/scratch.ts'
import type { ErrorCode } from '../error-code.ts'
import type { Role } from '../frames/frame-sink.ts'
import { Flag } from '../frames/frame-type.ts'
import {
  beginHeaders,
  endHeaders,
  writeDataHeader,
  writeGoAway,
  writePing,
  writeRstStream,
  writeWindowUpdate,
} from '../frames/frame-writer.ts'
import { DEFAULT_FRAME_SIZE, DEFAULT_WINDOW } from '../frames/setting.ts'
import { HeadEncoder } from '../heads/head-encoder.ts'
import { outputs } from './outputs.ts'
import type { Stream } from './stream.ts'

/** The most data in one frame. A peer may allow more, but other streams wait meanwhile. */
export const LARGEST_DATA = 64 * 1024
/** So many bytes are gathered before they are sent. */
const GATHERED = 64 * 1024
/** So many bytes besides data may wait for the peer to read them. Until it does, nothing more is read from it. */
const MOST_ANSWERS = 64 * 1024
/** What a ping of this end says. */
const PING = Buffer.from('limpet..')

/** The connection that a session is sent on. */
export interface SessionConnection {
  /** Whether the connection takes no more data now. `Session.drained` must follow. */
  readonly isFull: boolean
  /** Whether the peer has not read everything that was sent. */
  readonly isBehind: boolean
  /** Calls `Session.turnEnds` at the end of this turn of the event loop. Called once until then. */
  awaitTurnEnd(): void
  /** Sends what was written, and empties it. */
  send(out: Scratch): void
}

/** What a session sends: gathers frames until the turn of the event loop ends, and keeps the peer's windows. */
export abstract class SessionWriter {
  protected readonly encoder: HeadEncoder
  isOver = false
  /** How much data the peer takes on all streams together. */
  sendWindow = DEFAULT_WINDOW
  protected peerFrameSize: number = DEFAULT_FRAME_SIZE
  readonly #connection: SessionConnection
  /** What is to be sent; undefined for nothing. */
  #out: Scratch | undefined
  /** The stream whose frame was written last, if that may still be marked as its last one, and where that frame's flags are. */
  #markable: Stream | undefined
  #flagsAt = 0
  #isTurnAwaited = false
  /** Streams with data for which there was no room. */
  #waiting: Stream[] = []
  /** Whether there may be room again for the streams that wait. */
  #mayHaveRoom = false
  /** Bytes besides data that were written since the peer had last read everything. */
  #answers = 0

  constructor(role: Role, connection: SessionConnection) {
    this.#connection = connection
    this.encoder = new HeadEncoder(role)
  }

  get isFull(): boolean {
    return this.#connection.isFull
  }

  /** Where the next frame is to be written. */
  protected output(): Scratch {
    this.#markable = undefined
    this.#out ??= outputs.take()
    this.awaitTurnEnd()
    return this.#out
  }

  awaitTurnEnd(): void {
    if (this.#isTurnAwaited || this.isOver) return
    this.#isTurnAwaited = true
    this.#connection.awaitTurnEnd()
  }

  /** Sends what has been written. */
  protected send(): void {
    const out = this.#out
    if (out === undefined) return
    this.#out = undefined
    this.#markable = undefined
    this.#connection.send(out)
    outputs.giveBack(out)
    if (!this.#connection.isBehind) this.#answers = 0
  }

  /** There may be room again for streams that wait: at the end of the turn, what has come until then is used together. */
  protected findRoom(): void {
    if (this.#waiting.length === 0) return
    this.#mayHaveRoom = true
    this.awaitTurnEnd()
  }

  /** Each stream that waits may send what there is room for, in the order in which they began to wait. */
  #sendWaiting(): void {
    this.#mayHaveRoom = false
    const waiting = this.#waiting
    this.#waiting = []
    for (const stream of waiting) stream.isAwaitingRoom = false
    for (const stream of waiting) {
      if (stream.isOver || !stream.isBlocked) continue
      if (this.#connection.isFull || !stream.sendKept()) this.awaitRoom(stream)
    }
  }

  awaitRoom(stream: Stream): void {
    if (stream.isAwaitingRoom) return
    stream.isAwaitingRoom = true
    this.#waiting.push(stream)
  }

  writeData(stream: Stream, bytes: Buffer, from: number, to: number): number {
    let at = from
    while (at < to) {
      const size = Math.min(to - at, stream.sendWindow, this.sendWindow, this.peerFrameSize)
      if (size <= 0 || !this.#hasRoom(size)) break
      const out = this.output()
      this.#mark(stream, out)
      writeDataHeader(out, stream.id, size, false)
      out.copy(bytes, at, at + size)
      at += size
      stream.sendWindow -= size
      this.sendWindow -= size
      stream.sent += size
    }
    return at
  }

  /** Whether so many bytes more can be written. Sends what has been gathered, if that has become much. */
  #hasRoom(size: number): boolean {
    if (this.#out !== undefined && this.#out.length + size > GATHERED) this.send()
    return !this.#connection.isFull
  }

  /** The next frame is one that may be marked as the stream's last. */
  #mark(stream: Stream, out: Scratch): void {
    this.#markable = stream
    this.#flagsAt = out.length + 4
  }

  writeEnd(stream: Stream): void {
    if (this.#markable === stream) {
      this.#out!.bytes[this.#flagsAt]! |= Flag.EndStream
      this.#markable = undefined
    } else {
      writeDataHeader(this.output(), stream.id, 0, true)
    }
  }

  writeHead(stream: Stream, bytes: Buffer, from: number, to: number, isLast: boolean): void {
    const out = this.output()
    // The frame may still become the last one, if no other is written meanwhile.
    this.#mark(stream, out)
    const frame = beginHeaders(out)
    this.encodeHead(out, bytes, from, to)
    endHeaders(out, frame, stream.id, isLast, this.peerFrameSize)
    this.answered(out.length - frame)
  }

  protected abstract encodeHead(out: Scratch, bytes: Buffer, from: number, to: number): void

  writeTrailers(stream: Stream, trailers: Head): void {
    const out = this.output()
    const frame = beginHeaders(out)
    this.encoder.trailers(out, trailers)
    endHeaders(out, frame, stream.id, true, this.peerFrameSize)
    this.answered(out.length - frame)
  }

  writeReset(stream: Stream, code: ErrorCode): void {
    this.answerReset(stream.id, code)
  }

  protected answerReset(streamId: number, code: ErrorCode): void {
    writeRstStream(this.output(), streamId, code)
    this.answered(13)
  }

  writeCredit(stream: Stream, increment: number): void {
    writeWindowUpdate(this.output(), stream.id, increment)
  }

  /** Whether the peer reads what it is answered. */
  protected get isHeeded(): boolean {
    return this.#answers < MOST_ANSWERS
  }

  /** Counts bytes of an answer, which the peer may never read. */
  protected answered(bytes: number): void {
    this.#answers += bytes
  }

  /** The turn of the event loop that was awaited ends. */
  protected sendTurn(): void {
    this.#isTurnAwaited = false
    this.send()
    if (this.#mayHaveRoom) this.#sendWaiting()
  }

  /** The connection has sent everything. */
  protected sendOn(): void {
    if (!this.#connection.isBehind) this.#answers = 0
    if (this.#waiting.length > 0) this.#sendWaiting()
  }

  /** Asks for an answer; `SessionOwner.pong` follows. */
  sendPing(): void {
    writePing(this.output(), false, PING, 0)
  }

  /** Says that no stream above `lastStreamId` is accepted, and none is processed (§6.8). */
  protected writeGoAway(lastStreamId: number, code: ErrorCode, reason = ''): void {
    writeGoAway(this.output(), lastStreamId, code, reason)
  }

  /** What was written is not sent any more. */
  protected dropOutput(): void {
    if (this.#out === undefined) return
    this.#out.length = 0
    outputs.giveBack(this.#out)
    this.#out = undefined
    this.#markable = undefined
  }
}
