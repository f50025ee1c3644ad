import type { BodyReader } from '../affinity/affinity.ts'
import { type BodySink, ChunkedBody } from '../http1/chunked-body.ts'
import { CHUNKED, type Framing, UNTIL_CLOSE } from '../http1/framing.ts'
import type { HeadLimits } from '../http1/head.ts'

/**
 * Shows the first data of a body, without its framing, to a reader, while the body itself passes unchanged and without
 * delay. Data that arrives in one read is shown as one piece, however many chunks it is in.
 */
export class BodyTap implements BodySink {
  readonly #reader: BodyReader
  readonly #chunked: ChunkedBody | undefined
  /** Bytes of a body of known length that are still to come. */
  #remaining: number
  /** Data that has arrived and has not been shown yet, up to what the reader looks at. */
  readonly #piece: Buffer
  #length = 0

  constructor(reader: BodyReader, framing: Framing, limits: HeadLimits) {
    this.#reader = reader
    this.#chunked = framing === CHUNKED ? new ChunkedBody(false, limits, 'server') : undefined
    this.#remaining = framing === UNTIL_CLOSE ? Infinity : framing
    this.#piece = Buffer.allocUnsafe(reader.most)
  }

  /** Shows what of `bytes` is data of the body; returns whether the reader wants to see more. */
  see(bytes: Buffer): boolean {
    this.#length = 0
    try {
      if (this.#chunked !== undefined) this.#chunked.read(bytes, 0, this)
      else this.bodyBytes(bytes, 0, Math.min(this.#remaining, bytes.length))
    } catch {
      // Invalid framing is reported by the decoder that relays the body.
      return false
    }
    const wantsMore = this.#length === 0 || this.#reader.read(this.#piece.subarray(0, this.#length))
    const isOver = this.#chunked?.done ?? this.#remaining === 0
    if (wantsMore && isOver) this.#reader.end()
    return wantsMore && !isOver
  }

  /** The body is complete, where that does not show in its bytes. */
  end(): void {
    this.#reader.end()
  }

  bodyBytes(bytes: Buffer, from: number, to: number): void {
    this.#remaining -= to - from
    const piece = this.#piece
    const most = Math.min(to, from + piece.length - this.#length)
    for (let at = from; at < most; at++) piece[this.#length++] = bytes[at]!
  }
}
