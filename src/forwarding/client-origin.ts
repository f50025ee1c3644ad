import type { Head } from '../http1/head.ts'
import type { IpAddress } from '../runtime/ip-address.ts'
import type { ClientAddressSource } from '../runtime/snapshot.ts'
import type { Ends } from '../transport/ends.ts'
import { forwardingChain, saysSecure } from './forwarding-chain.ts'
import { TrustedPeer } from './trusted-peer.ts'
import type { TrustedProxies } from './trusted-proxies.ts'

/** Something that lasts for a while, such as a client's connection. */
export interface Lifetime {
  /** Has that called at the end. */
  atEnd(act: () => void): void
}

/** Where a request comes from. */
export interface ClientOrigin {
  /** The client's address, which is another than the peer's where a trusted proxy says so. */
  readonly address: IpAddress
  /** The address at the other end of the connection. */
  readonly peer: IpAddress
  /** Whether the client came by HTTPS, as far as anybody trusted says. */
  readonly isSecure: boolean
  /** The port that the client came to; 0 where that is not known here. */
  readonly port: number
  /** The request's own forwarding fields that are believed: those of a trusted proxy, of the kind that it writes. */
  readonly believed: ClientAddressSource | undefined
  /** Those of the connection. */
  readonly ends: Ends
  readonly connection: Lifetime
}

const xForwarded = forwardingChain('x-forwarded-for')

/** Where the requests on one connection come from: from its other end, unless that is a trusted proxy. */
export class ConnectionOrigin implements ClientOrigin {
  readonly believed = undefined
  readonly ends: Ends
  readonly connection: Lifetime
  readonly #proxy: TrustedPeer | undefined

  /** @param proxies undefined where none is trusted */
  constructor(ends: Ends, connection: Lifetime, proxies: TrustedProxies | undefined) {
    const { address } = ends.source
    this.ends = ends
    this.connection = connection
    this.#proxy = proxies?.include(address) ? new TrustedPeer(address, proxies) : undefined
  }

  get address(): IpAddress {
    return this.ends.source.address
  }

  get peer(): IpAddress {
    return this.ends.source.address
  }

  get isSecure(): boolean {
    return this.ends.isSecure
  }

  get port(): number {
    return this.ends.port
  }

  /** Whether there is a trusted proxy at the other end. */
  get isTrusted(): boolean {
    return this.#proxy !== undefined
  }

  /** Where a request comes from. */
  of(head: Head): ClientOrigin {
    const proxy = this.#proxy
    if (proxy === undefined) return this
    const { ends, connection, peer } = this
    const isSecure = proxy.saysSecure(head)
    return {
      address: proxy.clientOf(head),
      peer,
      isSecure: isSecure ?? this.isSecure,
      // Where a proxy says by which scheme the client came to it, the client did not come to the port here.
      port: isSecure === undefined ? this.port : 0,
      believed: proxy.source,
      ends,
      connection,
    }
  }

  /** Whether a request claims to have come by HTTPS, and its peer is not trusted to say so. */
  isClaimIgnored(head: Head): boolean {
    return this.#proxy === undefined && !this.isSecure && saysSecure(xForwarded, head) === true
  }
}
