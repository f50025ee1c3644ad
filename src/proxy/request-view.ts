import type { KeySubject } from '../balancing/key.ts'
import type { RequestHead } from '../http1/request-head.ts'
import type { RequestConditions } from '../routing/router.ts'
import { type ClientAddress, UNKNOWN_ADDRESS } from './client-address.ts'

/** The request whose head a worker has just read, as routes and policies see it: text is made of what they ask for only. */
export class RequestView implements RequestConditions, KeySubject {
  address: ClientAddress = UNKNOWN_ADDRESS
  path = '/'
  readonly #head: RequestHead

  constructor(head: RequestHead) {
    this.#head = head
  }

  get method(): string {
    return this.#head.method
  }

  get uri(): string {
    const { bytes, pathStart, targetEnd } = this.#head
    return bytes.toString('latin1', pathStart, targetEnd)
  }

  header(name: string): string | undefined {
    const field = this.#head.findNamed(name)
    return field < 0 ? undefined : this.#head.value(field)
  }
}
