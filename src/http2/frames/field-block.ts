import { ConnectionError, ErrorCode } from '../error-code.ts'
import { Flag, FRAME_HEADER } from './frame-type.ts'
import { uint31 } from './integer.ts'

const NONE = Buffer.alloc(0)

/** A field block in a HEADERS frame and the CONTINUATION frames that follow it (RFC 9113 §4.3), put together if it must be. */
export class FieldBlock {
  /** The stream whose block is not complete; 0 if there is none. */
  streamId = 0
  /** Where the block is: in `bytes`, or in those that `open` was given. */
  start = 0
  end = 0
  bytes: Buffer = NONE
  /** Whether the stream ends with it. */
  isLast = false
  /** The stream that its priority names; 0 for none. */
  dependsOn = 0
  /** All payloads and frame headers so far, so that empty frames have a bound too. */
  #cost = 0

  /**
   * A frame of the block begins.
   *
   * @param length of its payload
   * @param most that all frames of the block may have
   * @throws ConnectionError if that is too much
   */
  count(length: number, most: number): void {
    this.#cost += FRAME_HEADER + length
    if (this.#cost > most)
      throw new ConnectionError(
        ErrorCode.EnhanceYourCalm,
        `a field block has more than ${most} bytes in all its frames`,
      )
  }

  /** Adds a piece of a payload. */
  append(bytes: Buffer, from: number, to: number): void {
    const end = this.end + to - from
    if (end > this.bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(end, 2 * this.bytes.length))
      larger.set(this.bytes.subarray(0, this.end))
      this.bytes = larger
    }
    this.bytes.set(bytes.subarray(from, to), this.end)
    this.end = end
  }

  /** Finds the first part of the block in the payload of HEADERS, `bytes[from, to)` (§6.2). */
  open(streamId: number, flags: number, bytes: Buffer, from: number, to: number): void {
    const isPadded = (flags & Flag.Padded) !== 0
    const hasPriority = (flags & Flag.Priority) !== 0
    const start = from + (isPadded ? 1 : 0) + (hasPriority ? 5 : 0)
    if (start > to) throw new ConnectionError(ErrorCode.FrameSizeError, 'HEADERS is too short for what its flags say')
    const padding = isPadded ? bytes[from]! : 0
    if (padding > to - start)
      throw new ConnectionError(ErrorCode.ProtocolError, 'the padding of HEADERS is longer than the frame')
    this.streamId = streamId
    this.isLast = (flags & Flag.EndStream) !== 0
    this.dependsOn = hasPriority ? uint31(bytes, start - 5) : 0
    this.start = start
    this.end = to - padding
  }

  /** There is no block until the next one begins. */
  clear(): void {
    this.bytes = NONE
    this.streamId = this.start = this.end = this.#cost = 0
  }
}
