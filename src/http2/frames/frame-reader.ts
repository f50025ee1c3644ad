import { ConnectionError, ErrorCode } from '../error-code.ts'
import { FieldBlock } from './field-block.ts'
import { checkFrame } from './frame-rules.ts'
import type { FrameSink, Role } from './frame-sink.ts'
import { Flag, FRAME_HEADER, FrameType, PREFACE } from './frame-type.ts'
import { uint31, uint32 } from './integer.ts'
import { checkSetting } from './setting.ts'

export interface FrameLimits {
  /** The largest payload that the peer may send: this end's SETTINGS_MAX_FRAME_SIZE. */
  readonly frameSize: number
  /** The most bytes that a field block may have in all its frames. */
  readonly headerBlock: number
}

/** What the next byte is part of. */
const Part = {
  Preface: 0,
  Header: 1,
  PadLength: 2,
  Data: 3,
  /** Padding, and frames that mean nothing here. */
  Skipped: 4,
  /** The payload of HEADERS or CONTINUATION. */
  Fields: 5,
  /** One of the values of fixed size that the payloads of other frames are made of. */
  Unit: 6,
} as const

/** The size of the units that a frame's payload consists of, by its type; 0 where it has none. */
const UNIT_SIZES = Uint8Array.of(0, 0, 5, 4, 6, 0, 8, 8, 4, 0)

/** Finds the frames in the bytes of a connection (RFC 9113 §4 and §6), in whatever pieces they arrive. */
export class FrameReader {
  /** What was read has cost since its user has last set this to 0: 1 for each frame, and what the user adds. */
  cost = 0
  /** No frame begins once `cost` has reached it. */
  mostCost = 2 ** 30
  readonly #sink: FrameSink
  readonly #role: Role
  readonly #limits: FrameLimits
  #part: number
  #isStopped = false
  /** The peer's first frame must be SETTINGS (§3.4). */
  #isFirst = true
  /** The frame being read. */
  #type = 0
  #flags = 0
  #streamId = 0
  /** Bytes of its payload that have not been read, without the padding of DATA. */
  #remaining = 0
  /** Bytes that follow what remains of DATA. */
  #padding = 0
  /** Whether the data of DATA is wanted. */
  #isWanted = false
  /** A frame header or a unit that has not arrived whole, and how many bytes of it have. */
  readonly #held = Buffer.allocUnsafe(FRAME_HEADER)
  #heldLength = 0
  /** The field block that is being read. */
  readonly #block = new FieldBlock()

  constructor(sink: FrameSink, role: Role, limits: FrameLimits) {
    this.#sink = sink
    this.#role = role
    this.#limits = limits
    this.#part = role === 'server' ? Part.Preface : Part.Header
  }

  /** Nothing more is read, not even what is left of the bytes being read. */
  stop(): void {
    this.#isStopped = true
    this.#block.clear()
  }

  /**
   * Reads on, until `mostCost` is reached. Nothing of `bytes` is kept: its memory may be used again.
   *
   * @returns the offset after what was read
   * @throws ConnectionError where the connection cannot go on; then nothing more may be read
   */
  read(bytes: Buffer): number {
    const to = bytes.length
    let at = 0
    while (at < to && !this.#isStopped) {
      switch (this.#part) {
        case Part.Header:
          if (this.cost >= this.mostCost) return at
          if (this.#heldLength === 0 && to - at >= FRAME_HEADER) {
            at += FRAME_HEADER
            this.#begin(bytes, at - FRAME_HEADER)
          } else {
            at = this.#hold(bytes, at, FRAME_HEADER)
            if (this.#heldLength < FRAME_HEADER) return at
            this.#heldLength = 0
            this.#begin(this.#held, 0)
          }
          break
        case Part.Fields:
          at = this.#readFields(bytes, at)
          break
        case Part.Data:
          at = this.#readData(bytes, at)
          break
        case Part.Unit: {
          const size = UNIT_SIZES[this.#type]!
          if (this.#heldLength === 0 && to - at >= size) {
            at += size
            this.#take(bytes, at - size)
          } else {
            at = this.#hold(bytes, at, size)
            if (this.#heldLength < size) return at
            this.#heldLength = 0
            this.#take(this.#held, 0)
          }
          break
        }
        case Part.Skipped: {
          const size = Math.min(this.#remaining, to - at)
          at += size
          this.#remaining -= size
          if (this.#remaining === 0) this.#part = Part.Header
          break
        }
        case Part.PadLength:
          this.#pad(bytes[at++]!)
          break
        case Part.Preface:
          at = this.#readPreface(bytes, at)
          break
      }
    }
    return at
  }

  #hold(bytes: Buffer, from: number, size: number): number {
    let at = from
    while (at < bytes.length && this.#heldLength < size) this.#held[this.#heldLength++] = bytes[at++]!
    return at
  }

  #readPreface(bytes: Buffer, from: number): number {
    let at = from
    while (at < bytes.length && this.#heldLength < PREFACE.length) {
      if (bytes[at++] !== PREFACE[this.#heldLength++])
        throw new ConnectionError(ErrorCode.ProtocolError, 'the connection does not begin with the preface of HTTP/2')
    }
    if (this.#heldLength === PREFACE.length) {
      this.#heldLength = 0
      this.#part = Part.Header
    }
    return at
  }

  /** A frame's header is `bytes[at, at + 9)`. */
  #begin(bytes: Buffer, at: number): void {
    this.cost++
    const length = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!
    const type = bytes[at + 3]!
    const streamId = uint31(bytes, at + 5)
    this.#type = type
    this.#flags = bytes[at + 4]!
    this.#streamId = streamId
    this.#remaining = length
    if (this.#isFirst) this.#beginFirst()
    if (length > this.#limits.frameSize)
      throw new ConnectionError(
        ErrorCode.FrameSizeError,
        `a frame has ${length} bytes, and ${this.#limits.frameSize} are allowed`,
      )
    if (this.#block.streamId !== 0 && (type !== FrameType.Continuation || streamId !== this.#block.streamId))
      throw new ConnectionError(ErrorCode.ProtocolError, 'a field block is interrupted by another frame')
    checkFrame(type, this.#flags, streamId, length)
    switch (type) {
      case FrameType.Data:
        return this.#beginData(length)
      case FrameType.Headers:
        return this.#beginFields(length)
      case FrameType.Continuation:
        if (this.#block.streamId === 0)
          throw new ConnectionError(ErrorCode.ProtocolError, 'CONTINUATION follows no field block that goes on')
        return this.#beginFields(length)
      case FrameType.Priority:
        if (length === 5) return this.#beginUnits()
        this.#skip()
        return this.#sink.streamError(streamId, ErrorCode.FrameSizeError, 'PRIORITY does not have 5 bytes')
      case FrameType.Settings:
        return this.#beginSettings(length)
      case FrameType.RstStream:
      case FrameType.Ping:
      case FrameType.GoAway:
      case FrameType.WindowUpdate:
        return this.#beginUnits()
      default:
        // Frames of unknown types are ignored (§4.1, §5.5).
        this.#skip()
    }
  }

  #beginFirst(): void {
    if (this.#type !== FrameType.Settings || (this.#flags & Flag.Ack) !== 0)
      throw new ConnectionError(ErrorCode.ProtocolError, 'the first frame is not SETTINGS')
    this.#isFirst = false
  }

  #skip(): void {
    this.#part = this.#remaining === 0 ? Part.Header : Part.Skipped
  }

  #beginUnits(): void {
    this.#part = Part.Unit
  }

  #beginSettings(length: number): void {
    if (length > 0) return this.#beginUnits()
    this.#part = Part.Header
    this.#sink.settingsEnd((this.#flags & Flag.Ack) !== 0)
  }

  #beginData(length: number): void {
    const isPadded = (this.#flags & Flag.Padded) !== 0
    this.#padding = 0
    this.#part = isPadded ? Part.PadLength : Part.Data
    if (isPadded) this.#remaining--
    this.#isWanted = this.#sink.dataBegins(this.#streamId, length, this.#isLast)
    // The length of the padding is checked even if the data is not wanted.
    if (isPadded) return
    if (!this.#isWanted) this.#skip()
    else if (length === 0) this.#endData()
  }

  get #isLast(): boolean {
    return (this.#flags & Flag.EndStream) !== 0
  }

  #pad(padding: number): void {
    if (padding > this.#remaining)
      throw new ConnectionError(ErrorCode.ProtocolError, 'the padding of DATA is longer than the frame')
    if (!this.#isWanted) return this.#skip()
    this.#remaining -= padding
    this.#padding = padding
    this.#part = Part.Data
    if (this.#remaining === 0) this.#endData()
  }

  #readData(bytes: Buffer, from: number): number {
    const to = Math.min(bytes.length, from + this.#remaining)
    this.#remaining -= to - from
    this.#sink.data(this.#streamId, bytes, from, to)
    if (this.#remaining === 0 && !this.#isStopped) this.#endData()
    return to
  }

  #endData(): void {
    this.#remaining = this.#padding
    this.#skip()
    this.#sink.dataEnds(this.#streamId, this.#isLast)
  }

  #beginFields(length: number): void {
    this.#block.count(length, this.#limits.headerBlock)
    this.#part = Part.Fields
    if (length === 0) this.#endFields()
  }

  #readFields(bytes: Buffer, from: number): number {
    const block = this.#block
    const to = Math.min(bytes.length, from + this.#remaining)
    this.#remaining -= to - from
    const isAlone = this.#type === FrameType.Headers && block.end === 0 && this.#endsBlock
    if (isAlone && this.#remaining === 0) {
      // Nearly every block: one frame, in one piece. It is read where it lies.
      block.open(this.#streamId, this.#flags, bytes, from, to)
      this.#handOver(bytes)
    } else {
      block.append(bytes, from, to)
      if (this.#remaining === 0) this.#endFields()
    }
    return to
  }

  get #endsBlock(): boolean {
    return (this.#flags & Flag.EndHeaders) !== 0
  }

  /** The frame's payload is there, after what was there of the block. */
  #endFields(): void {
    const block = this.#block
    if (this.#type === FrameType.Headers) block.open(this.#streamId, this.#flags, block.bytes, 0, block.end)
    this.#part = Part.Header
    if (this.#endsBlock) this.#handOver(block.bytes)
  }

  #handOver(bytes: Buffer): void {
    const { streamId, start, end, isLast, dependsOn } = this.#block
    this.#part = Part.Header
    this.#block.clear()
    this.#sink.headers(streamId, bytes, start, end, isLast, dependsOn)
  }

  /** A unit of the payload is `bytes[at, …)`. */
  #take(bytes: Buffer, at: number): void {
    const streamId = this.#streamId
    const isAck = (this.#flags & Flag.Ack) !== 0
    this.#remaining -= UNIT_SIZES[this.#type]!
    if (this.#remaining === 0) this.#part = Part.Header
    switch (this.#type) {
      case FrameType.WindowUpdate:
        return this.#takeWindowUpdate(streamId, uint31(bytes, at))
      case FrameType.RstStream:
        return this.#sink.rstStream(streamId, uint32(bytes, at))
      case FrameType.Settings:
        this.#takeSetting((bytes[at]! << 8) | bytes[at + 1]!, uint32(bytes, at + 2))
        if (this.#remaining === 0) this.#sink.settingsEnd(false)
        return
      case FrameType.Ping:
        return this.#sink.ping(isAck, bytes, at)
      case FrameType.Priority:
        return this.#sink.priority(streamId, uint31(bytes, at))
      case FrameType.GoAway:
        // The rest is for people.
        this.#skip()
        return this.#sink.goAway(uint31(bytes, at), uint32(bytes, at + 4))
    }
  }

  #takeSetting(id: number, value: number): void {
    checkSetting(id, value, this.#role)
    this.#sink.setting(id, value)
  }

  #takeWindowUpdate(streamId: number, increment: number): void {
    if (increment > 0) return this.#sink.windowUpdate(streamId, increment)
    const reason = 'WINDOW_UPDATE has an increment of 0'
    if (streamId === 0) throw new ConnectionError(ErrorCode.ProtocolError, reason)
    this.#sink.streamError(streamId, ErrorCode.ProtocolError, reason)
  }
}
