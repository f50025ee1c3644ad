import type { BodyForm } from '../http1/body-decoder.ts'
import { type BodySink, ChunkedBody } from '../http1/chunked-body.ts'
import type { HeadLimits } from '../http1/head.ts'

const FIRST = 4096

/** A copy of the data of a body, in whatever form and pieces that is passed on. */
export class BodyCopy implements BodySink {
  /** The longest that there may be, in bytes. */
  readonly #most: number
  readonly #limits: HeadLimits
  #chunked: ChunkedBody | undefined
  #bytes: Buffer = Buffer.alloc(0)
  #length = 0

  constructor(most: number, limits: HeadLimits) {
    this.#most = most
    this.#limits = limits
  }

  get isTooLong(): boolean {
    return this.#length > this.#most
  }

  /** What is there of it. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  /** Takes bytes in that form. What is too long is not kept. */
  add(bytes: Buffer, from: number, to: number, form: BodyForm): void {
    if (form === 'data') return this.bodyBytes(bytes, from, to)
    this.#chunked ??= new ChunkedBody(false, this.#limits)
    this.#chunked.read(bytes.subarray(from, to), 0, this)
  }

  bodyBytes(bytes: Buffer, from: number, to: number): void {
    const length = this.#length + to - from
    if (length > this.#most) {
      this.#length = length
      this.#bytes = Buffer.alloc(0)
      return
    }
    if (length > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.min(this.#most, Math.max(length, 2 * this.#bytes.length, FIRST)))
      larger.set(this.bytes)
      this.#bytes = larger
    }
    bytes.copy(this.#bytes, this.#length, from, to)
    this.#length = length
  }
}
