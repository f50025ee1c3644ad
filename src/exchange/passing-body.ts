import { CHUNKED, type Framing } from '../http1/framing.ts'
import type { ReceivedRequest } from './received-request.ts'
import { GATHERED_FIRST, isShort, type RequestBody } from './request-body.ts'

/**
 * A body that is forwarded as it arrives. A short one is read before a server is picked, and so is the beginning of a longer one whose
 * length is known, so that a client that sends a small body slowly does not occupy a server. A chunked body may be part of a dialogue.
 */
export class PassingBody implements RequestBody {
  static readonly #none = new PassingBody(0, false)
  readonly framing: Framing
  readonly isHeldBack: boolean
  readonly isFull = false
  /** Bytes that are still to be gathered. */
  #missing: number
  #bytes: Buffer | undefined
  #length = 0

  private constructor(framing: Framing, isHeldBack: boolean) {
    this.framing = framing
    this.isHeldBack = isHeldBack
    this.#missing = isHeldBack || framing === CHUNKED ? 0 : Math.min(framing, GATHERED_FIRST)
  }

  static of({ framing, expects }: ReceivedRequest): PassingBody {
    return framing === 0 ? PassingBody.#none : new PassingBody(framing, expects === '100-continue')
  }

  get isGathered(): boolean {
    return this.#missing <= 0
  }

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

  end(): void {}

  flush(): undefined {}

  get goesWithHead(): boolean {
    return this.framing === this.#length
  }

  /** A long body is sent once, even if it happened to arrive in one piece. */
  get isKept(): boolean {
    return this.goesWithHead && isShort(this.framing)
  }

  get bytes(): Buffer | undefined {
    return this.#bytes?.subarray(0, this.#length)
  }

  letGo(): void {
    this.#bytes = undefined
  }

  replay(): undefined {}

  close(): void {}
}
