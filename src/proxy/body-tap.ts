import type { BodyReader } from '../affinity/affinity.ts'
import type { Framing } from '../http1/framing.ts'
import type { HeadLimits } from '../http1/head.ts'
import { BodyRelay, type ByteTarget } from './body-relay.ts'

/** Shows the data of a body, without its framing, to a reader beside the road: it holds nothing back and changes nothing. */
export class BodyTap implements ByteTarget {
  readonly #reader: BodyReader
  readonly #body: BodyRelay
  #wantsMore = true

  constructor(reader: BodyReader, framing: Framing, limits: HeadLimits) {
    this.#reader = reader
    this.#body = new BodyRelay(framing, 'bare', limits, 'server')
  }

  /** Shows what of `bytes[from, …)` is data of the body; returns whether the reader wants to see more. */
  see(bytes: Buffer, from: number): boolean {
    try {
      this.#body.relay(bytes, from, this)
    } catch {
      // Framing that breaks the rules is told of by whoever sends the body on.
      return false
    }
    return this.#wantsMore && !this.#body.done
  }

  write(bytes: Buffer): void {
    if (this.#wantsMore) this.#wantsMore = this.#reader.read(bytes)
  }
}
