import { CHUNKED, type Framing } from '../http1/framing.ts'
import type { ReceivedRequest } from './received-request.ts'

/**
 * How much of a body of known length is read before a server is picked, in bytes, so that a client that sends a small
 * body slowly does not occupy a server. A chunked body may be part of a dialogue, and is forwarded as it arrives.
 */
const GATHERED_FIRST = 16 * 1024

/** The part of a request's body that is read before a server is picked. */
export class RequestBody {
  static readonly #none = new RequestBody(0, false)
  readonly framing: Framing
  /** Bytes that are still to be gathered. */
  #missing: number
  #bytes: Buffer | undefined
  #length = 0

  /** @param isHeldBack whether the client waits for a 100 (Continue) before it sends its body */
  private constructor(framing: Framing, isHeldBack: boolean) {
    this.framing = framing
    this.#missing = isHeldBack || framing === CHUNKED ? 0 : Math.min(framing, GATHERED_FIRST)
  }

  /** Whether all of such a body is gathered. */
  static isShort(framing: Framing): boolean {
    return framing !== CHUNKED && framing <= GATHERED_FIRST
  }

  static of({ framing, expects }: ReceivedRequest): RequestBody {
    return framing === 0 ? RequestBody.#none : new RequestBody(framing, expects === '100-continue')
  }

  get isGathered(): boolean {
    return this.#missing <= 0
  }

  /** Whether all of the body is here. */
  get isWhole(): boolean {
    return this.framing === this.#length
  }

  /** Whether the request can be sent more than once. A long body is sent once, even if it happened to arrive in one piece. */
  get isKept(): boolean {
    return this.isWhole && RequestBody.isShort(this.framing)
  }

  /** What was gathered and not dropped; undefined for nothing. */
  get bytes(): Buffer | undefined {
    return this.#bytes?.subarray(0, this.#length)
  }

  /** Copies bytes of the body. The last ones may exceed what was missing. */
  gather(bytes: Buffer, from: number, to: number): void {
    const length = this.#length + to - from
    if (this.#bytes === undefined || this.#bytes.length < length) {
      const larger = Buffer.allocUnsafe(Math.max(length, Math.min(this.framing, GATHERED_FIRST)))
      if (this.#bytes !== undefined) larger.set(this.#bytes.subarray(0, this.#length))
      this.#bytes = larger
    }
    bytes.copy(this.#bytes, this.#length, from, to)
    this.#length = length
    this.#missing -= to - from
  }

  /** Drops what was gathered of a body that is not kept, once that has been sent. */
  letGo(): void {
    this.#bytes = undefined
  }
}
