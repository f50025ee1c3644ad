import type { Socket } from 'node:net'
import { type BodySink, ChunkedBody } from '../http1/chunked-body.ts'
import { CHUNKED, type Framing, UNTIL_CLOSE } from '../http1/framing.ts'
import type { HeadLimits } from '../http1/head.ts'

/** How a body is framed for the side it goes to. */
export type OutgoingFraming = 'as-it-came' | 'bare' | 'chunked'

const CRLF = Buffer.from('\r\n')
const LAST_CHUNK = Buffer.from('0\r\n\r\n')

/**
 * The way of one body from the connection that it arrives on to the one that it leaves by, in whatever framing the
 * latter needs. It holds nothing back: what `socket.write` buffers is all there is, and whoever calls heeds that.
 */
export class BodyRelay implements BodySink {
  /** Whether the body has been read to its end. */
  done: boolean
  /** Bytes of data and framing sent on. */
  sent = 0
  readonly #target: Socket
  readonly #outgoing: OutgoingFraming
  readonly #untilClose: boolean
  readonly #chunked: ChunkedBody | undefined
  #remaining: number

  constructor(framing: Framing, target: Socket, outgoing: OutgoingFraming, limits: HeadLimits) {
    this.#target = target
    this.#outgoing = outgoing
    this.#untilClose = framing === UNTIL_CLOSE
    this.#chunked = framing === CHUNKED ? new ChunkedBody(outgoing === 'as-it-came', limits) : undefined
    this.#remaining = Math.max(0, framing)
    this.done = framing === 0
  }

  /**
   * Sends on what of `bytes[from, …)` belongs to the body.
   *
   * @returns the offset after the body's last byte
   * @throws MessageError where its framing breaks the rules
   */
  relay(bytes: Buffer, from: number): number {
    if (this.#chunked !== undefined) {
      const end = this.#chunked.read(bytes, from, this)
      this.done = this.#chunked.done
      return end
    }
    const available = bytes.length - from
    const take = this.#untilClose ? available : Math.min(available, this.#remaining)
    if (take > 0) this.bodyBytes(bytes, from, from + take)
    if (!this.#untilClose) {
      this.#remaining -= take
      this.done = this.#remaining === 0
    }
    return from + take
  }

  /** The sender closed its side. Returns whether the body is whole. */
  close(): boolean {
    if (this.#untilClose && !this.done) {
      this.done = true
      if (this.#outgoing === 'chunked') this.#write(LAST_CHUNK)
    }
    return this.done
  }

  bodyBytes(bytes: Buffer, from: number, to: number): void {
    const range = from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to)
    if (this.#outgoing !== 'chunked') return this.#write(range)
    this.#target.cork()
    this.#write(Buffer.from(`${(to - from).toString(16)}\r\n`, 'latin1'))
    this.#write(range)
    this.#write(CRLF)
    this.#target.uncork()
  }

  #write(bytes: Buffer): void {
    this.sent += bytes.length
    this.#target.write(bytes)
  }
}
