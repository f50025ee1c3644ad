import { type BodySink, ChunkedBody, type Sender } from '../http1/chunked-body.ts'
import { CHUNKED, type Framing, UNTIL_CLOSE } from '../http1/framing.ts'
import type { HeadLimits } from '../http1/head.ts'
import type { Scratch } from './scratch.ts'

/** How a body is framed for the side it goes to. */
export type OutgoingFraming = 'as-it-came' | 'bare' | 'chunked'

const CRLF = Buffer.from('\r\n')
const LAST_CHUNK = Buffer.from('0\r\n\r\n')

/**
 * The way of one body from the connection that it arrives on to the one that it leaves by, in whatever framing the
 * latter needs. It holds nothing back: every byte is on its way, or refused, in the call that it came with.
 */
export class BodyRelay implements BodySink {
  /** Whether the body has been read to its end. */
  done: boolean
  /** Bytes sent on, framing included. */
  sent = 0
  #target: Scratch | undefined
  readonly #outgoing: OutgoingFraming
  readonly #untilClose: boolean
  readonly #chunked: ChunkedBody | undefined
  #remaining: number

  constructor(framing: Framing, outgoing: OutgoingFraming, limits: HeadLimits, sender: Sender) {
    this.#outgoing = outgoing
    this.#untilClose = framing === UNTIL_CLOSE
    this.#chunked = framing === CHUNKED ? new ChunkedBody(outgoing === 'as-it-came', limits, sender) : undefined
    this.#remaining = Math.max(0, framing)
    this.done = framing === 0
  }

  /** Whether the side that it goes to can tell its end from a connection that closes too early. */
  get hasVisibleEnd(): boolean {
    return this.#outgoing === 'chunked' || !(this.#untilClose || this.#outgoing === 'bare')
  }

  /** Bytes of data that have passed, without their framing. */
  get length(): number {
    return this.#chunked?.length ?? this.sent
  }

  /**
   * Sends what of `bytes[from, …)` belongs to the body on to `target`.
   *
   * @returns the offset after the body's last byte
   * @throws MessageError where its framing breaks the rules
   */
  relay(bytes: Buffer, from: number, target: Scratch): number {
    this.#target = target
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
  close(target: Scratch): boolean {
    this.#target = target
    if (this.#untilClose && !this.done) {
      this.done = true
      if (this.#outgoing === 'chunked') this.#copy(LAST_CHUNK, 0, LAST_CHUNK.length)
    }
    return this.done
  }

  bodyBytes(bytes: Buffer, from: number, to: number): void {
    if (this.#outgoing !== 'chunked') return this.#copy(bytes, from, to)
    const size = `${(to - from).toString(16)}\r\n`
    this.sent += size.length
    this.#target!.text(size)
    this.#copy(bytes, from, to)
    this.#copy(CRLF, 0, CRLF.length)
  }

  #copy(bytes: Buffer, from: number, to: number): void {
    this.sent += to - from
    this.#target!.copy(bytes, from, to)
  }
}
