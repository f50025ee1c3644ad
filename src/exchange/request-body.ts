import { CHUNKED, type Framing } from '../http1/framing.ts'
import type { ReceivedRequest } from './received-request.ts'

/**
 * Of a body whose length is known, so much must be there before a server is picked: a client that is slow with a small
 * body keeps no server waiting. A body in chunks may be one half of a conversation, and goes on as it comes.
 */
const GATHERED_FIRST = 16 * 1024

/** The part of a request's body that is gathered before a server is picked. */
export class RequestBody {
  static readonly #none = new RequestBody(0, false)
  readonly framing: Framing
  /** Bytes that are still to be gathered. */
  #missing: number
  #bytes: Buffer | undefined
  #length = 0

  /** @param isHeldBack whether the client waits to be told to go on, so that nothing of the body is there yet */
  private constructor(framing: Framing, isHeldBack: boolean) {
    this.framing = framing
    this.#missing = isHeldBack || framing === CHUNKED ? 0 : Math.min(framing, GATHERED_FIRST)
  }

  static of({ framing, expects }: ReceivedRequest): RequestBody {
    return framing === 0 ? RequestBody.#none : new RequestBody(framing, expects === '100-continue')
  }

  get isGathered(): boolean {
    return this.#missing <= 0
  }

  /** Whether nothing of the body is still to come from the client, so that the request can be sent more than once. */
  get isWhole(): boolean {
    return this.framing === this.#length
  }

  /** What was gathered and has not been let go; undefined for nothing. */
  get bytes(): Buffer | undefined {
    return this.#bytes?.subarray(0, this.#length)
  }

  /** Takes a copy of bytes of the body. More than was missing may come with the last ones. */
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

  /** Of a body that is not whole, what was gathered has been sent, and is needed no more. */
  letGo(): void {
    this.#bytes = undefined
  }
}
