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

/** Finds out where the requests on one connection come from. */
export class OriginReader {
  /** Whether there is a trusted proxy at the other end. */
  readonly isTrusted: boolean
  /** The peer as the client, which it is unless it is a trusted proxy. */
  readonly own: ClientOrigin
  readonly #peer: TrustedPeer | undefined

  /** @param proxies undefined where none is trusted */
  constructor(ends: Ends, connection: Lifetime, proxies: TrustedProxies | undefined) {
    const { address } = ends.source
    const { isSecure, port } = ends
    this.own = { address, peer: address, isSecure, port, believed: undefined, ends, connection }
    this.#peer = proxies?.include(address) ? new TrustedPeer(address, proxies) : undefined
    this.isTrusted = this.#peer !== undefined
  }

  /** Where a request comes from: the peer, unless that is a trusted proxy, and names another. */
  of(head: Head): ClientOrigin {
    if (this.#peer === undefined) return this.own
    const isSecure = this.#peer.saysSecure(head)
    return {
      ...this.own,
      address: this.#peer.clientOf(head),
      isSecure: isSecure ?? this.own.isSecure,
      // A proxy that says by which scheme the client came to it stands where the client's port is.
      port: isSecure === undefined ? this.own.port : 0,
      believed: this.#peer.source,
    }
  }

  /** Whether a request claims to have come by HTTPS, and its peer is not trusted to say so. */
  isClaimIgnored(head: Head): boolean {
    return this.#peer === undefined && !this.own.isSecure && saysSecure(xForwarded, head) === true
  }
}
