import type { Head } from '../http1/head.ts'
import type { IpAddress } from '../runtime/ip-address.ts'
import type { ClientAddressSource } from '../runtime/snapshot.ts'
import {
  type ForwardingChain,
  forwardingChain,
  saysSecure,
  withoutLeadingSpace,
  withoutTrailingSpace,
} from './forwarding-chain.ts'
import type { TrustedProxies } from './trusted-proxies.ts'

/** A field with more bytes than this is read again for each request. */
const REMEMBERED = 128

/** The most members of the list that are looked at: no server is behind more proxies. */
const MAX_MEMBERS = 250

/**
 * A trusted proxy at the other end of a connection, which names the client of each request. Only the field of
 * `clientAddressFrom` is read, because a proxy that writes one of the two fields passes on what a client wrote in the other.
 */
export class TrustedPeer {
  readonly source: ClientAddressSource
  readonly #address: IpAddress
  readonly #proxies: TrustedProxies
  readonly #chain: ForwardingChain
  /** The value that the last answer came from: most requests on a connection have the same. */
  readonly #remembered = Buffer.allocUnsafe(REMEMBERED)
  #length = 0
  #client: IpAddress

  constructor(address: IpAddress, proxies: TrustedProxies) {
    this.source = proxies.source
    this.#address = address
    this.#proxies = proxies
    this.#chain = forwardingChain(proxies.source)
    this.#client = address
  }

  /**
   * The client of the request: of the addresses in the field, from right to left, the first that is not a trusted proxy's.
   * What is to the left of that, of a member that is not an address (`unknown`, `_hidden`), or of `MAX_MEMBERS` others, may have
   * been written by anyone and is not trusted.
   */
  clientOf(head: Head): IpAddress {
    const field = head.find(this.#chain.field)
    if (field < 0) return this.#address
    const from = head.valueStart(field)
    const to = head.valueEnd(field)
    if (to - from > REMEMBERED || head.findLast(this.#chain.field) !== field) return this.#resolve(head)
    if (this.#isRemembered(head.bytes, from, to)) return this.#client
    this.#client = this.#resolve(head)
    this.#length = head.bytes.copy(this.#remembered, 0, from, to)
    return this.#client
  }

  /** Whether the request reached the proxy by HTTPS; undefined if it does not say. */
  saysSecure(head: Head): boolean | undefined {
    return saysSecure(this.#chain, head)
  }

  #isRemembered(bytes: Uint8Array, from: number, to: number): boolean {
    if (to - from !== this.#length) return false
    for (let i = 0; i < this.#length; i++) {
      if (bytes[from + i] !== this.#remembered[i]) return false
    }
    return true
  }

  #resolve(head: Head): IpAddress {
    const { bytes } = head
    let client = this.#address
    let members = 0
    for (let field = head.count - 1; field >= 0; field--) {
      if (head.names[field] !== this.#chain.field) continue
      const start = head.valueStart(field)
      for (let to = head.valueEnd(field); to > start; ) {
        if (++members > MAX_MEMBERS) return client
        const member = this.#chain.startOfLast(bytes, start, to)
        const begin = withoutLeadingSpace(bytes, member, to)
        const end = withoutTrailingSpace(bytes, begin, to)
        to = member - 1
        // Empty members of a list are ignored (RFC 9110 §5.6.1).
        if (begin === end) continue
        const address = this.#chain.addressIn(bytes, begin, end)
        if (address === undefined) return client
        client = address
        if (!this.#proxies.include(address)) return client
      }
    }
    return client
  }
}
